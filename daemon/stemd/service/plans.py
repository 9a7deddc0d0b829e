"""Plans by name, by numbers or by default."""

from typing import Final

from stemd.config import Config
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import check_grid
from stemd.errors import PlanError, nearest
from stemd.protocol import Plan
from stemd.separation.store import Model

AUTO: Final = "auto"


def resolve(wanted: Plan | str | None, config: Config, model: Model) -> WindowPlan:
    """A plan by name, by numbers or by default, checked against the model.

    Raises:
        PlanError: it is unknown, or the model cannot run it.
    """
    if isinstance(wanted, Plan):
        plan = WindowPlan(wanted.segment, wanted.hop, wanted.overlap, wanted.lookahead)
    else:
        plan = named_plan(wanted or config.plan or model.manifest.plan, config, model)
    check(plan, model)
    return plan


def check(plan: WindowPlan, model: Model) -> None:
    """Refuse a plan that the model cannot run.

    Raises:
        PlanError: saying why.
    """
    model.check(plan)
    if model.spectral:
        check_grid(plan)


def named_plan(name: str, config: Config, model: Model) -> WindowPlan:
    """A plan by its name: `live`, `fast` and `studio` are the model's own, the others the configuration's.

    Of `auto` this is the plan with the hop that the model recommends.

    Raises:
        PlanError: there is none.
    """
    own = model.manifest.plans
    if name in config.plans:
        return config.plans[name].window()
    if name in own:
        return own[name].window()
    if name == AUTO:
        return model.manifest.live.window()
    raise PlanError(f"no plan {name!r}{nearest(name, [*own, AUTO, *config.plans])}")
