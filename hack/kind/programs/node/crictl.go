package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const containerdSocket = "unix:///run/containerd/containerd.sock"

// crictl answers the few questions that kind and a person in a node ask: images, inspecti IMAGE, ps, pods; as JSON.
// An output flag is accepted and ignored, since JSON is what kind asks for.
func crictl(args []string) error {
	words := withoutOutputFlag(args)
	connection, err := grpc.NewClient(containerdSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	answer, err := ask(ctx, connection, words)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

func ask(ctx context.Context, connection *grpc.ClientConn, words []string) (any, error) {
	images, runtime := cri.NewImageServiceClient(connection), cri.NewRuntimeServiceClient(connection)
	switch {
	case len(words) == 2 && words[0] == "inspecti":
		return inspectImage(ctx, images, words[1])
	case len(words) == 1 && words[0] == "images":
		return images.ListImages(ctx, &cri.ListImagesRequest{})
	case len(words) == 1 && words[0] == "ps":
		return runtime.ListContainers(ctx, &cri.ListContainersRequest{})
	case len(words) == 1 && words[0] == "pods":
		return runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{})
	}
	return nil, fmt.Errorf("this crictl knows only: images, inspecti IMAGE, ps, pods; got %q", words)
}

func inspectImage(ctx context.Context, images cri.ImageServiceClient, name string) (any, error) {
	answer, err := images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
	if err != nil {
		return nil, err
	}
	if answer.Image == nil {
		return nil, fmt.Errorf("no such image %q present", name)
	}
	return map[string]any{"status": map[string]any{
		"id":          answer.Image.Id,
		"repoTags":    answer.Image.RepoTags,
		"repoDigests": answer.Image.RepoDigests,
	}}, nil
}

func withoutOutputFlag(args []string) []string {
	words := []string{}
	for i := 0; i < len(args); i++ {
		if args[i] == "-o" || args[i] == "--output" {
			i++
			continue
		}
		words = append(words, args[i])
	}
	return words
}
