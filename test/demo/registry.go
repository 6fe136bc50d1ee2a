package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/test/sample"
)

// registry is a running ecru.
type registry struct {
	binary  string
	data    string
	process *exec.Cmd
	ended   chan error
	access  access
	api     *ecr.Client
}

// access is what "ecru env --format json" prints.
type access struct {
	Endpoint string `json:"AWS_ENDPOINT_URL"`
	Region   string `json:"AWS_REGION"`
	Key      string `json:"AWS_ACCESS_KEY_ID"`
	Secret   string `json:"AWS_SECRET_ACCESS_KEY"`
}

func startRegistry(ctx context.Context, root string, o options) (*registry, error) {
	source, err := sample.Advisories(root, o.data)
	if err != nil {
		return nil, err
	}
	say("%s", source.Said)
	listen := freeAddress(o.listen)
	r := &registry{binary: absolute(root, o.binary), data: o.data, ended: make(chan error, 1)}
	log, err := os.Create(filepath.Join(o.data, "server.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	r.process = exec.Command(r.binary, "serve", "--listen", listen, "--data", o.data, "--advisories", source.Place)
	r.process.Stdout, r.process.Stderr = log, log
	// The server must not be interrupted together with us: we end it, in order.
	r.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	say("starting ecru on http://%s (data and log: %s)", listen, o.data)
	if err := r.process.Start(); err != nil {
		return nil, fmt.Errorf("%w (make build makes the binary)", err)
	}
	go func() { r.ended <- r.process.Wait() }()
	if err := r.awaitReady(ctx, "http://"+listen); err != nil {
		return nil, errors.Join(err, r.stop(), tail(log.Name()))
	}
	return r, r.connect(ctx)
}

// freeAddress answers the address, or one with a free port when it is in use.
func freeAddress(address string) string {
	for _, candidate := range []string{address, "127.0.0.1:0"} {
		listener, err := net.Listen("tcp", candidate)
		if err == nil {
			defer listener.Close()
			return listener.Addr().String()
		}
	}
	return address
}

func (r *registry) awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-r.ended:
			r.ended <- err
			return fmt.Errorf("the server ended: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tail answers the end of the server's log as an error.
func tail(log string) error {
	content, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	return fmt.Errorf("its log ends:\n%s", content[max(0, len(content)-2000):])
}

// connect reads what a shell would eval and makes an AWS client of it.
func (r *registry) connect(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, r.binary, "env", "--data", r.data, "--format", "json").Output()
	if err != nil {
		return fmt.Errorf("ecru env: %w", err)
	}
	if err := json.Unmarshal(out, &r.access); err != nil {
		return fmt.Errorf("ecru env: %w", err)
	}
	r.api = ecr.New(ecr.Options{
		Region:       r.access.Region,
		BaseEndpoint: aws.String(r.access.Endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(r.access.Key, r.access.Secret, ""),
	})
	return nil
}

// wait stays until the context or the server ends.
func (r *registry) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		fmt.Println()
		return nil
	case err := <-r.ended:
		r.ended <- err
		return fmt.Errorf("the server ended: %w", err)
	}
}

// stop ends the server in order.
func (r *registry) stop() error {
	if gone := r.process.Process.Signal(syscall.SIGTERM); gone != nil {
		return nil //nolint:nilerr // it has ended already
	}
	say("stopping ecru")
	return <-r.ended
}
