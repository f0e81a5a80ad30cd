"""The images that a node brings along: the control plane under the names that kubeadm asks for, the pod network, DNS,
storage, and a shell for tests."""

from __future__ import annotations

from pathlib import Path

import places
from commands import run
from image_archive import File, Layout, layer

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
REGISTRY = "registry.k8s.io"
OURS = "kind.taskjob.dev"
# The names that kubeadm of this Kubernetes version asks for, whatever the module's own version is.
ETCD, COREDNS, PAUSES = "3.6.6-0", "v1.13.1", ("3.10.1", "3.10")
APPLETS = (
    "sh cat cp echo env false grep head hostname httpd id ls mkdir nc nslookup ps rm sleep tail test touch true wget"
)


def write(path: Path, *, root: Path, programs: Path) -> None:
    """`root` is the node's file system, where other programs are taken from; `programs` has those that we built."""
    kubernetes = places.version("k8s.io/kubernetes")
    certificates = {"/etc/ssl/certs/ca-certificates.crt": root / "etc/ssl/certs/ca-certificates.crt"}
    names = ("etcd", "kube-proxy", "kindnetd", "kubectl", *COMPONENTS)
    node = layer(
        {
            "/usr/local/bin/kubernetes-node": programs / "node",
            "/etc/passwd": b"root:x:0:0:root:/root:/sbin/nologin\n",
            **certificates,
        },
        {f"/usr/local/bin/{name}": "kubernetes-node" for name in names},
        ["tmp", "var", "run", "etc/kubernetes"],
    )
    network = network_programs(root)
    shell = layer(
        {"/bin/busybox": root / "bin/busybox"}, {f"/bin/{name}": "busybox" for name in APPLETS.split()}, ["tmp", "etc"]
    )
    provisioner = "local-path-provisioner"
    storage = layer({f"/usr/local/bin/{provisioner}": programs / provisioner}, folders=["tmp", "etc"])

    layout = Layout()
    for name in COMPONENTS:
        layout.image(f"{REGISTRY}/{name}:{kubernetes}", layers=[node])
    layout.image(f"{REGISTRY}/etcd:{ETCD}", layers=[node])
    layout.image(f"{REGISTRY}/kube-proxy:{kubernetes}", layers=[node, network])
    layout.image(f"{OURS}/kindnetd:1", layers=[node, network], entrypoint=["/usr/local/bin/kindnetd"])
    dns = layer({"/coredns": programs / "coredns", **certificates})
    layout.image(f"{REGISTRY}/coredns/coredns:{COREDNS}", layers=[dns], entrypoint=["/coredns"])
    pauses = [f"{REGISTRY}/pause:{version}" for version in PAUSES]
    layout.image(*pauses, layers=[layer({"/pause": programs / "pause"})], entrypoint=["/pause"])
    layout.image(f"{OURS}/local-path-provisioner:1", layers=[storage])
    layout.image(f"{OURS}/local-path-helper:1", f"{OURS}/busybox:1", layers=[shell])
    layout.write(path)


def network_programs(root: Path) -> bytes:
    """iptables, nft and conntrack with all that they load, for kube-proxy and the pod network."""
    plugins = sorted(root.glob("usr/lib/*-linux-gnu/xtables/*.so"))
    wanted = ["/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi", "/usr/sbin/nft", "/usr/sbin/conntrack"]
    wanted += [f"/{plugin.relative_to(root)}" for plugin in plugins]
    files: dict[str, File] = {}
    for path in wanted:
        for needed in [path, *libraries(root, path)]:
            files[needed] = resolved(root, needed)
    for path in ("/etc/protocols", "/etc/services"):
        if (root / path.lstrip("/")).exists():
            files[path] = root / path.lstrip("/")
    links = {}
    for family in ("iptables", "ip6tables"):
        for command in (family, f"{family}-save", f"{family}-restore"):
            variants = {"": "nft", "-nft": "nft", "-legacy": "legacy"}
            for suffix, kind in variants.items():
                name = command.replace(family, family + suffix, 1)
                links[f"/usr/sbin/{name}"] = f"xtables-{kind}-multi"
    return layer(files, links)


def libraries(root: Path, program: str) -> list[str]:
    said = in_node(root, "ldd", program)
    return [word for line in said.splitlines() for word in line.split() if word.startswith("/")]


def resolved(root: Path, path: str) -> Path:
    """Where the file lies; links are followed as in the node, not as here."""
    return root / in_node(root, "readlink", "-f", path).strip().lstrip("/")


def in_node(root: Path, *command: str) -> str:
    return run("chroot", root, *command, seconds=30)
