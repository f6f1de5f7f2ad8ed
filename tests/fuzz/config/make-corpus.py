#!/usr/bin/env python3
"""Writes the seeds of fuzz_config that are no examples: one sound file with something changed in it. The others are
links to config/examples."""
import pathlib

folder = pathlib.Path(__file__).parent / "corpus" / "fuzz_config"
folder.mkdir(parents=True, exist_ok=True)
for example in (pathlib.Path(__file__).parents[3] / "config" / "examples").glob("*.yaml"):
    link = folder / example.name
    link.unlink(missing_ok=True)
    link.symlink_to(pathlib.Path("../../../../../config/examples") / example.name)
BASE = """ports:
  - name: access
    device: net_null0
    addresses: [10.1.0.1/24]
  - name: trunk
    device: "0000:01:00.0"
    addresses: ["fd00::1/64", 10.2.0.1/31]
protection:
  - name: p
    preshared: {file: p.psk}
backends:
  - {name: b, side: protected, local: 10.2.0.1, address: 10.2.0.0, port: 38412, protection: p}
listeners:
  - {name: l, side: plain, address: 10.1.0.1, port: 38412, backend: b}
"""
REDIS = "restart:\n  group: g\n  owner: o\n  key: {credential: kek}\n  redis: {server: %s, user: u, password_file: f, prefix: p}\n"
TLS = """    tls13: {certificate: a.pem, private_key: %s, authorities: [ca.pem], peer_names: [%s]}"""
changed = {  # name: (what, by what)
    "via": ("protection: p}", "protection: p, via: trunk}"), "via-other": ("protection: p}", "protection: p, via: access}"),
    "via-none": ("protection: p}", "protection: p, via: nothing}"), "no-address": ("local: 10.2.0.1", "local: 10.9.0.1"),
    "no-backend": ("backend: b", "backend: c"), "no-policy": ("protection: p}", "protection: q}"),
    "protected-without": (", protection: p}", "}"), "plain-with": ("side: plain", "side: plain, protection: p"),
    "prefix-length": ("10.1.0.1/24", "10.1.0.1/33"), "prefix-zeros": ("10.1.0.1/24", "10.1.0.1/024"),
    "prefix-none": ("10.1.0.1/24", "10.1.0.1"), "prefix-network": ("10.1.0.1/24", "10.1.0.0/24"),
    "prefix-broadcast": ("10.1.0.1/24", "10.1.0.255/24"), "prefix-multicast": ("fd00::1/64", "ff02::1/64"),
    "link-local": ("fd00::1/64", "fe80::1/64"), "device": ("net_null0", "eth0"), "device-long": (
        "net_null0", "net_" + "x" * 70), "device-line": ("net_null0", '"net_null0\\n"'), "pci-short": ("0000:01:00.0", "01:00.0"),
    "pci-bad": ("0000:01:00.0", "0000:0g:00.0"), "name-long": ("name: l", "name: " + "l" * 40), "name-bad": ("name: l", "name: .l"),
    "port-big": ("port: 38412", "port: 99999"), "port-word": ("port: 38412", "port: x"), "port-zeros": (
        "port: 38412", "port: 010"), "port-huge": ("port: 38412", "port: 99999999999999999999"),
    "loopback": ("10.1.0.1", "127.0.0.1"), "anchor": ("name: access", "name: &a access"), "alias": (
        "name: trunk", "name: *a"), "twice": ("name: access", "name: access\n    name: access"), "unknown": (
            "name: access", "nam: access"), "duplicate": ("name: trunk", "name: access"),
    "tls": ("    preshared: {file: p.psk}", TLS % ("a.key", '"dns:a.example", "uri:urn:b", "ip:10.0.0.1", any')),
    "tls-token": ("    preshared: {file: p.psk}", TLS % ('"pkcs11:object=a;type=private"', '"dns:*.example"')),
}
for number, name in enumerate(("dns:", "dns:.a", "dns:a..b", "uri:nothing", "ip:300.0.0.1", "other:a", "a b", "x" * 1100)):
    changed[f"peer-{number}"] = ("    preshared: {file: p.psk}", TLS % ("a.key", f'"{name}"'))
for name, (what, by) in changed.items():
    assert what in BASE, name
    (folder / f"changed-{name}").write_text(BASE.replace(what, by, 1))
for name, text in {
        "base": "", "fraction": "protection: []\nrekey_fraction: 0.5\n", "admin": "admin: {socket: /run/a}\n",
        "boolean": "eal: {telemetry: yes}\n", "boolean-true": "eal: {telemetry: true, hugepages: require}\n",
        "mac": "metrics: {address: 10.0.0.1, token_file: t}\n", "metrics6": 'metrics: {address: "::1"}\n',
        "sqlite": "restart: {group: g, key: {file: k}, sqlite: {file: s}}\n", "crypto": "workers: {crypto_device: crypto_null0}\n",
        "empty-section": "eal:\nlimits: {}\n", "list-for-section": "eal: [1]\n", "section-for-list": "workers: {cpus: {a: 1}}\n",
        "cpus": "workers: {cpus: [1, 2], count: 2}\n", "log": "log: {level: loud, format: json}\n", "quoted": 'limits: {handshakes: "5"}\n',
        **{f"redis-{number}": REDIS % f'"{server}"' for number, server in enumerate((
            "10.0.0.1:6379", "[fd00::1]:6379", "unix:/run/redis", "unix:redis", "10.0.0.1", "10.0.0.1:0", "fd00::1:6379",
            "[10.0.0.1]:6379", "host:6379", "10.0.0.1:x"))},
}.items():
    (folder / f"more-{name}").write_text(BASE + text)
for number, mac in enumerate(("02:00:00:00:00:01", "01:00:00:00:00:01", "00:00:00:00:00:00", "2:0:0:0:0:1", "02-00-00-00-00-01")):
    (folder / f"mac-{number}").write_text(BASE.replace("name: access", f'name: access\n    mac: "{mac}"'))
for number, fraction in enumerate(("0.5", "inf", "1e3", "0.5x", "2")):
    (folder / f"fraction-{number}").write_text(BASE.replace("name: p\n", f"name: p\n    rekey_fraction: {fraction}\n", 1))
deep = "a: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 8))
for name, text in {
        "nothing": "", "null": "~\n", "scalar": "x\n", "two": "a: 1\n---\nb: 2\n", "zero": "a: \0\n", "tag": "a: !!str b\n",
        "list-tag": "a: !x [b]\n", "bad": "a: [b\n", "tab": "a:\n\t- b\n", "key-list": "[a]: b\n", "key-null": "~: b\n",
        "alias-unknown": "a: *b\n", "alias-inside": "a: &a [*a]\n", "deep": "a: " + "[" * 100 + "]" * 100, "bomb": deep,
        "deep-alias": "a: &a " + "[" * 12 + "]" * 12 + "\nb: &b " + "[" * 12 + "*a" + "]" * 12 + "\nc: " + "[" * 12 + "*b"
        + "]" * 12, "escape": 'a: "\\U99999999"\n', "escape-bad": 'a: "\\q"\n', "directive": "%YAML 9.9\n---\na: 1\n",
        "value-below": "a:\n\n\nb: 1\n", "merge": "a: &a {b: 1}\nc: {<<: *a}\n", "many": "eal: {" + ", ".join(
            f"k{i}: 1" for i in range(60)) + "}\n",
}.items():
    (folder / f"yaml-{name}").write_text(text)
