#!/usr/bin/env bash
# The root file system of a kind node, in a work folder (root, Debian):
#   node_rootfs.sh system WORK KIND_MODULE NODE_PROGRAM   packages, kind's own files, Kubernetes
#   node_rootfs.sh images WORK                            WORK/images.tar into its containerd store; then WORK/root.tar
# Follows the steps of kind's images/base/Dockerfile and of `kind build node-image`.
set -euo pipefail

step=$1
work=$2
root=$work/root

packages=systemd,systemd-sysv,dbus,conntrack,iptables,nftables,iproute2,ethtool,util-linux,mount,kmod,pigz,bash
packages+=,ca-certificates,curl,jq,procps,containerd,runc,containernetworking-plugins,busybox-static

install_packages() {
  mmdebstrap --mode=root --variant=minbase --include="$packages" --quiet \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$root"
}

# kind's entrypoint, units and configuration, as its base image has them.
copy_kind_files() {
  local files=$1/images/base/files
  mkdir -p "$root"/kind/{bin,manifests} "$root"/etc/{containerd,kubernetes/manifests,sysctl.d} "$root/opt/cni/bin" \
    "$root/etc/systemd/system/kubelet.service.d"
  install -m755 "$files"/usr/local/bin/* "$root/usr/local/bin/"
  install -m755 "$files"/kind/bin/* "$root/kind/bin/"
  install -m644 "$files"/etc/crictl.yaml "$root/etc/"
  install -m644 "$files"/etc/containerd/config.toml "$root/etc/containerd/"
  install -m644 "$files"/etc/default/kubelet "$root/etc/default/"
  install -m644 "$files"/etc/sysctl.d/* "$root/etc/sysctl.d/"
  install -m644 "$files"/etc/systemd/system/*.{service,slice} "$root/etc/systemd/system/"
  install -m644 "$files"/etc/systemd/system/kubelet.service.d/* "$root/etc/systemd/system/kubelet.service.d/"
}

# The RUN steps of that base image: only the services of a node, and container processes without limits of their own.
configure_system() {
  chroot "$root" bash -euo pipefail <<'STEPS'
find /lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
  /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*{udev,initctl}* \
  /lib/systemd/system/basic.target.wants/*
echo ReadKMsg=no >>/etc/systemd/journald.conf
ln -sf /usr/bin/containerd /usr/local/bin/containerd
ctr oci spec \
  | jq '.hooks.createContainer[.hooks.createContainer | length] |= . + {"path": "/kind/bin/mount-product-files.sh"}' \
  | jq 'del(.process.rlimits)' >/etc/containerd/cri-base.json
systemctl enable kubelet.service containerd.service undo-mount-hacks.service 2>/dev/null
systemctl mask systemd-binfmt.service 2>/dev/null # it would register with the kernel of the whole machine
cp /usr/lib/cni/{host-local,loopback,ptp,portmap} /opt/cni/bin/
rm -rf /usr/lib/cni /usr/bin/containerd-shim /usr/bin/containerd-shim-runc-v1 /usr/bin/containerd-stress
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*
STEPS
}

install_kubernetes() {
  install -m755 "$1" "$root/usr/bin/kubernetes-node"
  for name in kubeadm kubelet kubectl crictl; do
    ln -sf kubernetes-node "$root/usr/bin/$name"
  done
  local version
  version=$(chroot "$root" kubelet --version)
  printf %s "${version##* }" >"$root/kind/version"
}

# What a machine without CAP_SYS_RESOURCE, or with cgroup v1, needs.
fit_to_narrow_machines() {
  sed -i 's/restrict_oom_score_adj = false/restrict_oom_score_adj = true/' "$root/etc/containerd/config.toml"
  echo 'KUBELET_EXTRA_ARGS=--runtime-cgroups=/system.slice/containerd.service --fail-cgroupv1=false' >"$root/etc/default/kubelet"
  # Hide the controllers of cgroup v1 that the engine did not mount: systemd would mount them for the whole machine.
  python3 - "$root/usr/local/bin/entrypoint" <<'EDIT'
import pathlib, sys
path = pathlib.Path(sys.argv[1])
anchor = "    remove_misc_controller\n    # kubelet will try"
hide = "    awk '/^#/ || $2 != 0' /proc/cgroups >/kind/fake-cgroups\n    mount --bind /kind/fake-cgroups /proc/cgroups\n"
text = path.read_text()
assert text.count(anchor) == 1, "kind's entrypoint has changed: look where it hides controllers"
path.write_text(text.replace(anchor, anchor.replace("    # kubelet", hide + "    # kubelet")))
EDIT
}

# The pod network and the storage class are constants in kind's Go code; only the names of the images are ours.
write_manifests() {
  python3 - "$1/pkg/build/nodeimage" "$root/kind/manifests" <<'EXTRACT'
import pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
ours = "kind.taskjob.dev"
def manifest(file, constant, **images):
    text = (source / file).read_text().split(f"const {constant} = `", 1)[1]
    for name, image in images.items():
        text = text.replace(f"` + {name} + `", f"{ours}/{image}")
    return text.split("`", 1)[0]
network = manifest("const_cni.go", "defaultCNIManifest", kindnetdImage="kindnetd:1")
(target / "default-cni.yaml").write_text(network.replace('"50Mi"', '"256Mi"'))  # our program holds all of Kubernetes
storage = manifest("const_storage.go", "defaultStorageManifest",
    storageProvisionerImage="local-path-provisioner:1", storageHelperImage="local-path-helper:1")
(target / "default-storage.yaml").write_text(storage)
EXTRACT
}

# By a containerd of its own, which works in the node's folder.
import_images() {
  local run=$work/containerd
  mkdir -p "$run"
  cat >"$run/config.toml" <<CONFIG
version = 2
root = "$root/var/lib/containerd"
state = "$run/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$run/socket"
[ttrpc]
  address = "$run/socket.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "$run/opt"
CONFIG
  containerd --config "$run/config.toml" >"$run/log" 2>&1 &
  local pid=$! status=0
  for _ in $(seq 100); do [ -S "$run/socket" ] && break || sleep 0.1; done
  ctr --address "$run/socket" --namespace k8s.io images import --all-platforms --no-unpack "$work/images.tar" || status=$?
  kill "$pid"
  wait "$pid" || true
  return "$status"
}

case $step in
  system)
    install_packages
    copy_kind_files "$3"
    configure_system
    install_kubernetes "$4"
    fit_to_narrow_machines
    write_manifests "$3"
    ;;
  images)
    import_images
    tar --directory "$root" --numeric-owner --create --file "$work/root.tar" .
    ;;
esac
