#!/usr/bin/env bash
# Run a program as on a machine of its own: it sees only its own processes, network links, rules and mounts, and a
# cluster that somebody works with here stays out of sight. When it ends, all that it started ends.
#   own_machine.sh PROGRAM ARGUMENT…
set -euo pipefail
if [ "${OWN_MACHINE:-}" != inside ]; then
  OWN_MACHINE=inside exec unshare --net --mount --pid --ipc --fork --mount-proc --kill-child "$0" "$@"
fi
ip link set lo up
# /sys/class/net of this network, with the cgroups of before.
before=$(mktemp -d)
mount --rbind /sys/fs/cgroup "$before"
mount -t sysfs sysfs /sys
mount --rbind "$before" /sys/fs/cgroup
umount --recursive --lazy "$before"
rmdir "$before"
"$@" # not exec: this shell is what adopts and collects orphans
