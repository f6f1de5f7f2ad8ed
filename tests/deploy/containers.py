#!/usr/bin/env python3
"""The container files: what they name is there, fits together, and the gateway takes the configurations.

containers.py SOURCE_ROOT SCTP_GATEWAY
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import yaml

root, gateway = sys.argv[1], os.path.abspath(sys.argv[2])
USER = 64042
CAPABILITIES = {"NET_RAW", "NET_ADMIN", "IPC_LOCK"}


def there(*parts):
    path = os.path.join(root, *parts)
    assert os.path.exists(path), path
    return path


def check_configuration(text_or_path, folder):
    """The gateway's own check; key files are read only at the start."""
    done = subprocess.run([gateway, "--check-config", text_or_path], cwd=folder, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def dockerfile():
    text = open(there("docker", "Dockerfile"), encoding="utf-8").read()
    script = open(there("docker", "build.sh"), encoding="utf-8").read()
    steps = set(re.findall(r"build\.sh (\w+)", text))
    known = set(re.findall(r"^    (\w+)\)$", script, re.M))
    assert steps == known == {"dependencies", "package", "runtime", "endpoint"}, (steps, known)
    stages = set(re.findall(r"^FROM \S+ AS (\w+)", text, re.M))
    assert set(re.findall(r"--from=(\w+)", text)) <= stages
    for source in re.findall(r"^COPY (?!--from)(\S+)", text, re.M):
        there(source)
    final = text[text.rindex("FROM "):]
    assert "USER sctp-gateway" in final and "HEALTHCHECK" in final
    given = re.search(r"setcap (\S+)=ep", script).group(1)
    assert {c.removeprefix("cap_").upper() for c in given.split(",")} == CAPABILITIES
    assert f"USER_ID={USER}" in script


def compose():
    d = yaml.safe_load(open(there("docker", "compose.yaml"), encoding="utf-8"))
    services = d["services"]
    assert set(services) == {"gateway-a", "gateway-b", "server", "client"}
    for name in ("gateway-a", "gateway-b"):
        service = services[name]
        assert service["cap_drop"] == ["ALL"] and set(service["cap_add"]) == CAPABILITIES and service["read_only"]
        config = service["volumes"][0].split(":")[0]
        path = there("docker", config)
        check_configuration(path, root)
        own = yaml.safe_load(open(path, encoding="utf-8"))
        given = {n["interface_name"]: n["ipv4_address"] for n in service["networks"].values()}
        for port in own["ports"]:
            interface = port["device"].split("iface=")[1]
            # In the network that Docker gives the interface, at another address.
            assert port["addresses"][0].rpartition(".")[0] == given[interface].rpartition(".")[0], port
            assert port["addresses"][0].split("/")[0] != given[interface], port
    for service in services.values():
        for network in service["networks"]:
            assert network in d["networks"]


def kubernetes():
    documents = list(yaml.safe_load_all(open(there("deploy", "kubernetes", "sctp-gateway.yaml"), encoding="utf-8")))
    kinds = {}
    for d in documents:
        assert {"apiVersion", "kind", "metadata"} <= set(d), d
        kinds.setdefault(d["kind"], {})[d["metadata"]["name"]] = d
    attachments = set(kinds["NetworkAttachmentDefinition"])
    for d in kinds["NetworkAttachmentDefinition"].values():
        link, tuning = json.loads(d["spec"]["config"])["plugins"]
        assert link["type"] == "macvlan" and "ipam" not in link
        assert tuning == {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.forwarding": "0"}}
    spec = kinds["Deployment"]["sctp-gateway"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    networks = spec["template"]["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"].split(", ")
    assert {n.split("@")[0] for n in networks} == attachments
    pod = spec["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == USER
    container, = pod["containers"]
    assert set(container["securityContext"]["capabilities"]["add"]) == CAPABILITIES
    resources = container["resources"]
    assert resources["requests"] == resources["limits"] and "hugepages-2Mi" in resources["limits"]
    volumes = {v["name"] for v in pod["volumes"]}
    for c in pod["containers"] + pod["initContainers"]:
        assert {m["name"] for m in c["volumeMounts"]} <= volumes
    text = kinds["ConfigMap"]["sctp-gateway"]["data"]["gateway.yaml"]
    # As the init container writes it, with an address.
    files, = pod["initContainers"]
    edit = re.search(r"^sed (\S+) /template/(\S+) >(\S+)$", files["command"][-1].replace('"', ""), re.M)
    assert edit[2] in kinds["ConfigMap"]["sctp-gateway"]["data"]
    assert edit[3] == "/etc/sctp-gateway/gateway.yaml", "the image's default"
    address, = files["env"]
    assert edit[1] == f"s/POD_ADDRESS/${address['name']}/"
    assert address["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"
    assert text.count("POD_ADDRESS") == 1
    text = text.replace("POD_ADDRESS", "192.0.2.7")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        check_configuration(file.name, root)
    own = yaml.safe_load(text)
    interfaces = {p["device"].split("iface=")[1] for p in own["ports"]}
    assert {n.split("@")[1] for n in networks} == interfaces
    metrics = own["metrics"]
    assert metrics["address"] == "192.0.2.7", "probes come to the pod's address"
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    for probe, path in {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}.items():
        asked = container[probe]["httpGet"]
        assert asked["path"] == path and ports[asked["port"]] == metrics["port"] and "scheme" not in asked, probe
    assert "certificate" not in metrics
    allowed, = kinds["NetworkPolicy"]["sctp-gateway"]["spec"]["ingress"]
    assert allowed["from"] and allowed["ports"] == [{"port": metrics["port"], "protocol": "TCP"}]
    mounted = {m["mountPath"] for m in container["volumeMounts"]}
    for policy in own["protection"]:
        assert os.path.dirname(policy["tls13"]["private_key"]) in mounted
    assert os.path.dirname(metrics["token_file"]) in mounted
    assert os.path.dirname(own["admin"]["audit_log"]) in mounted
    memory = int(resources["limits"]["hugepages-2Mi"].removesuffix("Mi"))
    assert own["eal"]["memory_mib"] <= memory


dockerfile()
compose()
kubernetes()
print("ok")
