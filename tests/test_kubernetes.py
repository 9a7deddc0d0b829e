"""The manifest for Kubernetes: by its schemas, by what stemd and Triton read of it, and by how its parts hang together.

It is not run: there is no cluster here.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import kubernetes_validate
import pytest
import yaml

from stemd.cli import _parser, main
from stemd.config import Config, load_config
from stemd.separation.remote.repository import Serving
from stemd.separation.store import find
from stemd.store.triton import export
from stemd_bench.cluster.server import Server, tritonserver
from stemd_bench.results import Skipped

FOLDER = Path(__file__).parents[1] / "docs" / "kubernetes"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((FOLDER / "cell.yaml").read_text("utf-8")))
SETS = [each for each in OBJECTS if each["kind"] == "StatefulSet"]
KEYS = "/run/stemd/keys"


def title(each: Mapping[str, Any]) -> str:
    return f"{each['kind']}-{each['metadata']['name']}"


def named(kind: str, name: str) -> dict[str, Any]:
    [found] = [each for each in OBJECTS if title(each) == f"{kind}-{name}"]
    return found


def pod(workload: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = workload["spec"]["template"]["spec"]
    return found


def containers(workload: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*pod(workload).get("initContainers", []), *pod(workload)["containers"]]


def probes(workload: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for container in pod(workload)["containers"]:
        yield from ((kind, container[kind]) for kind in ("startupProbe", "readinessProbe", "livenessProbe"))


TOLD: str = named("ConfigMap", "stemd")["data"]["stemd.toml"]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """As the daemon reads it, with keys: without any it refuses the address."""
    assert main(["keys", "new", "--folder", str(tmp_path / "keys")]) == 0
    file = tmp_path / "stemd.toml"
    file.write_text(TOLD.replace(KEYS, str(tmp_path / "keys")))
    return load_config(file)


@pytest.mark.parametrize("each", OBJECTS, ids=title)
def test_each_object_is_one_by_the_schema_of_kubernetes(each: dict[str, Any]) -> None:
    version = kubernetes_validate.latest_version()
    assert kubernetes_validate.validate(each, version, strict=True) is not None


def test_the_schema_refuses_what_is_misspelt() -> None:
    wrong = named("StatefulSet", "triton")
    wrong = {**wrong, "spec": {**wrong["spec"], "replica": 3}}
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_the_daemon_knows_every_server_by_its_name(config: Config) -> None:
    triton = named("StatefulSet", "triton")
    service = named("Service", triton["spec"]["serviceName"])
    [port] = service["spec"]["ports"]
    expected = [f"triton-{n}.{service['metadata']['name']}:{port['port']}" for n in range(triton["spec"]["replicas"])]
    assert list(config.engine.triton.endpoints) == expected
    assert config.engine.name == "triton"
    assert service["spec"]["clusterIP"] == "None", "or one address would stand for all"


def test_the_daemon_listens_where_its_service_leads(config: Config) -> None:
    ports = {port["name"]: port["port"] for port in named("Service", "stemd")["spec"]["ports"]}
    assert config.server.address == f"tcp://0.0.0.0:{ports['requests']}"
    assert ports["stems"] == ports["requests"] + 1


def test_what_the_daemon_is_told_to_read_is_mounted() -> None:
    daemon = named("StatefulSet", "stemd")
    [keys], [stemd] = pod(daemon)["initContainers"], pod(daemon)["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in stemd["volumeMounts"]}
    options = _parser().parse_args(stemd["command"][1:])
    assert options.config == "/etc/stemd/stemd.toml"
    assert mounts["/etc/stemd"] == "config"
    assert tomllib.loads(TOLD)["security"]["keys"] == KEYS
    assert mounts[str(Path(KEYS).parent)] == "run"
    assert f"/secret/*.toml {KEYS}/" in keys["command"][-1]
    assert "umask 077" in keys["command"][-1], "or stemd refuses them"


@pytest.mark.parametrize("each", SETS, ids=title)
class TestEachWorkload:
    def test_what_is_mounted_is_a_volume_and_every_volume_is_mounted(self, each: dict[str, Any]) -> None:
        volumes = {volume["name"] for volume in pod(each)["volumes"]}
        mounted = {mount["name"] for container in containers(each) for mount in container["volumeMounts"]}
        assert volumes == mounted

    def test_volumes_are_of_objects_that_are_there(self, each: dict[str, Any]) -> None:
        for volume in pod(each)["volumes"]:
            if "configMap" in volume:
                assert named("ConfigMap", volume["configMap"]["name"])
            if "persistentVolumeClaim" in volume:
                assert named("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])

    def test_selectors_find_its_pods(self, each: dict[str, Any]) -> None:
        labels, name = each["spec"]["template"]["metadata"]["labels"], each["metadata"]["name"]
        selectors = [
            each["spec"]["selector"]["matchLabels"],
            named("Service", each["spec"]["serviceName"])["spec"]["selector"],
            named("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"],
            named("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"],
        ]
        assert all(selector.items() <= labels.items() and selector for selector in selectors)

    def test_ports_that_are_led_to_are_its_containers(self, each: dict[str, Any]) -> None:
        own = {port["name"]: port["containerPort"] for one in pod(each)["containers"] for port in one["ports"]}
        for port in named("Service", each["spec"]["serviceName"])["spec"]["ports"]:
            assert own[port["targetPort"]] == port["port"]
        allowed = {
            port["port"]
            for rule in named("NetworkPolicy", each["metadata"]["name"])["spec"]["ingress"]
            for port in rule["ports"]
        }
        assert allowed == set(own.values())

    def test_nobody_in_it_is_root_or_can_become_it_or_write_beside_its_volumes(self, each: dict[str, Any]) -> None:
        whole = pod(each)["securityContext"]
        assert whole["runAsNonRoot"]
        assert whole["runAsUser"] > 0
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod(each)["automountServiceAccountToken"] is False
        for container in containers(each):
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["readOnlyRootFilesystem"] is True
            assert rights["capabilities"] == {"drop": ["ALL"]}

    def test_memory_is_bounded_and_the_processor_is_not(self, each: dict[str, Any]) -> None:
        for container in containers(each):
            assert set(container["resources"]["limits"]) == {"memory"}
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_nobody_may_talk_to_anybody_unless_it_is_said() -> None:
    rest = named("NetworkPolicy", "nobody")["spec"]
    assert rest == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert "egress" not in named("NetworkPolicy", "triton")["spec"]


def test_the_daemon_is_probed_at_its_own_pages(config: Config) -> None:
    asked = {kind: probe["exec"]["command"][-1] for kind, probe in probes(named("StatefulSet", "stemd"))}
    pages = {kind: re.search(r"http://(\S+?)(/\w+)'", text).groups() for kind, text in asked.items()}
    assert {where for where, _ in pages.values()} == {config.metrics.address}
    assert {kind: page for kind, (_, page) in pages.items()} == {
        "startupProbe": "/readyz",
        "readinessProbe": "/readyz",
        "livenessProbe": "/healthz",
    }


def test_no_name_binds_the_file_to_one_namespace() -> None:
    assert not [each for each in OBJECTS if "namespace" in each["metadata"]]


def test_the_page_beside_it_says_that_it_was_not_run() -> None:
    assert "**validated, not run**" in (FOLDER / "README.md").read_text("utf-8")
    assert "Validated, not run" in (FOLDER / "cell.yaml").read_text("utf-8").split("apiVersion")[0]


@pytest.mark.slow
def test_a_server_with_its_arguments_answers_the_probes_once_its_models_are_loaded(tmp_path: Path) -> None:
    """By gRPC's health protocol, as the kubelet asks: `HealthCheckRequest{}`, to `{status: SERVING}`."""
    if isinstance(found := tritonserver(), Skipped):
        pytest.skip(found.reason)
    export(tmp_path, find("spleeter-vocals"), Serving(threads=1), lambda _: None)
    [container] = pod(named("StatefulSet", "triton"))["containers"]
    program, repository, *words = container["command"]
    assert (program, repository) == (found.name, "--model-repository=/models")

    class AsWritten(Server):
        def _arguments(self, program: Path) -> list[str]:
            own = super()._arguments(program)
            return [word for word in own if word.partition("=")[0] not in {w.partition("=")[0] for w in words}] + words

    with AsWritten(tmp_path) as server, grpc.insecure_channel(server.address) as channel:
        for probe in dict(probes(named("StatefulSet", "triton"))).values():
            assert probe["grpc"] == {"port": 8001}
        assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10) == b"\x08\x01"
