"""The last steps of fetching and importing alike: check everything, try it, put it in its place."""

from pathlib import Path

from stemd.separation.manifest import load_manifest
from stemd.separation.store import Model
from stemd.store.errors import StoreError
from stemd.store.folder import Store
from stemd.store.selftest import self_test
from stemd.store.talk import Talk


def finish(store: Store, name: str, staging: Path, talk: Talk) -> Path:
    """Install the model that lies ready in `staging`; call this under the lock.

    Returns:
        The model's folder.

    Raises:
        ModelError: it is not what it should be, or does not run here; `staging` is left as it is.
        OSError: the disk refuses.
    """
    manifest = load_manifest(staging)
    if manifest.name != name:
        raise StoreError(f"the manifest is of {manifest.name!r}, not of {name!r}; use that name")
    model = Model(staging, manifest)
    report = self_test(model, lambda done, total: talk.progress("self-test", done, total, "segments"))
    talk.say(str(report))
    return store.install(name, staging)
