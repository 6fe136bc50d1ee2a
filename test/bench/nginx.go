package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// nginxConfig is Debian's as far as speed goes, with a directory of its own.
const nginxConfig = `daemon off;
%s
worker_processes auto;
pid %[2]s/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	types { }
	default_type application/octet-stream;
	client_body_temp_path %[2]s/body;
	proxy_temp_path %[2]s/proxy;
	fastcgi_temp_path %[2]s/fastcgi;
	uwsgi_temp_path %[2]s/uwsgi;
	scgi_temp_path %[2]s/scgi;
	server {
		listen %[3]s;
		root %[2]s/files;
		location = / { return 200; }
	}
}
`

// startNginx serves the files below dir/files. Without nginx it answers nil: the
// rows then say so.
func startNginx(ctx context.Context, dir string) (*process, endpoint, error) {
	binary := findNginx()
	if binary == "" {
		return nil, endpoint{}, nil
	}
	address, err := freeAddress()
	if err != nil {
		return nil, endpoint{}, err
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // or the workers could not read what lies here
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfig, user, dir, address), 0o600); err != nil {
		return nil, endpoint{}, err
	}
	p, err := startProcess("nginx", dir, nil, binary, "-c", file, "-p", dir, "-e", "stderr")
	if err != nil {
		return nil, endpoint{}, err
	}
	return p, endpoint{name: "nginx", host: address}, p.awaitAnswer(ctx, "http://"+address+"/")
}

func findNginx() string {
	for _, candidate := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	return ""
}
