package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/vishvananda/netlink"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	cniConfig    = "/etc/cni/net.d/10-kindnet.conflist"
	masquerade   = "TASKJOB-MASQUERADE"
	resyncPeriod = 3 * time.Second
)

// kindnetd is the pod network of a kind cluster, on each node: the node's own CNI configuration, a route to the pods of
// every other node, and address translation for what leaves the cluster. It takes the environment that kind's own
// DaemonSet of that name sets: CONTROL_PLANE_ENDPOINT, HOST_IP, POD_SUBNET. It looks at all nodes again every 3 seconds.
func kindnetd() error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	if endpoint := os.Getenv("CONTROL_PLANE_ENDPOINT"); endpoint != "" {
		config.Host = "https://" + endpoint // the Service's address needs kube-proxy, which may not run yet
	}
	config.Timeout = 10 * time.Second
	cluster, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for ; ; time.Sleep(resyncPeriod) {
		if err := connectNodes(cluster, os.Getenv("HOST_IP")); err != nil {
			log.Print(err)
		}
		if err := masqueradeOutside(os.Getenv("POD_SUBNET")); err != nil {
			log.Print(err)
		}
	}
}

func connectNodes(cluster kubernetes.Interface, hostIP string) error {
	nodes, err := cluster.CoreV1().Nodes().List(context.Background(), meta.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	for i := range nodes.Items {
		node := &nodes.Items[i]
		ip := internalIP(node)
		_, pods, err := net.ParseCIDR(node.Spec.PodCIDR)
		if err != nil || ip == "" {
			continue // not yet given a range, or an address: the next look finds it
		}
		if ip == hostIP {
			err = writeCNIConfig(pods)
		} else {
			err = netlink.RouteReplace(&netlink.Route{Dst: pods, Gw: net.ParseIP(ip)})
		}
		if err != nil {
			return fmt.Errorf("node %s: %w", node.Name, err)
		}
	}
	return nil
}

func internalIP(node *core.Node) string {
	for _, address := range node.Status.Addresses {
		if address.Type == core.NodeInternalIP {
			return address.Address
		}
	}
	return ""
}

// writeCNIConfig replaces the file as a whole, since containerd reads it as soon as it appears.
func writeCNIConfig(pods *net.IPNet) error {
	type object = map[string]any
	wanted, err := json.Marshal(object{
		"cniVersion": "0.3.1",
		"name":       "kindnet",
		"plugins": []object{
			{"type": "ptp", "ipMasq": false, "mtu": linkMTU("eth0"), "ipam": object{
				"type": "host-local", "dataDir": "/run/cni-ipam-state",
				"routes": []object{{"dst": "0.0.0.0/0"}},
				"ranges": [][]object{{{"subnet": pods.String()}}},
			}},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	})
	if err != nil {
		return err
	}
	if present, err := os.ReadFile(cniConfig); err == nil && bytes.Equal(present, wanted) {
		return nil
	}
	if err := os.WriteFile(cniConfig+".new", wanted, 0o644); err != nil {
		return err
	}
	log.Printf("pods of this node are in %s", pods)
	return os.Rename(cniConfig+".new", cniConfig)
}

func linkMTU(name string) int {
	if link, err := netlink.LinkByName(name); err == nil {
		return link.Attrs().MTU
	}
	return 1500
}

// masqueradeOutside hides a pod's address behind its node's for everything but other pods. The jump comes last, so a
// chain that is half made is never used.
func masqueradeOutside(podSubnet string) error {
	jump := []string{"POSTROUTING", "-m", "addrtype", "!", "--dst-type", "LOCAL", "-j", masquerade}
	if iptables(append([]string{"-C"}, jump...)...) == nil {
		return nil
	}
	_ = iptables("-N", masquerade) // there already after a half-made attempt
	for _, rule := range [][]string{
		{"-F", masquerade},
		{"-A", masquerade, "-d", podSubnet, "-j", "RETURN"},
		{"-A", masquerade, "-j", "MASQUERADE"},
		append([]string{"-A"}, jump...),
	} {
		if err := iptables(rule...); err != nil {
			return err
		}
	}
	return nil
}

func iptables(args ...string) error {
	output, err := exec.Command("iptables", append([]string{"-w", "10", "-t", "nat"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables %q: %w: %s", args, err, bytes.TrimSpace(output))
	}
	return nil
}
