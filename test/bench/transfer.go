package main

import (
	"fmt"
	"strings"
)

// How a blob is uploaded after its POST: containerd and buildkit send it in one
// PUT, docker, skopeo and crane in a PATCH that a PUT ends.
type uploadWay int

const (
	onePut uploadWay = iota
	patchThenPut
)

// pushBlob uploads a blob the way a client does, bytes or stream.
func (c *conn) pushBlob(repository, digest string, data []byte, stream *content, way uploadWay) error {
	a, err := c.do(request{method: "POST", path: "/v2/" + repository + "/blobs/uploads/"}, 202)
	if err != nil {
		return err
	}
	location := a.location
	const octets = "application/octet-stream"
	if way == patchThenPut {
		a, err = c.do(request{method: "PATCH", path: location, contentType: octets, body: data, stream: stream}, 202)
		if err != nil {
			return err
		}
		location, data, stream = a.location, nil, nil
	}
	separator := "?"
	if strings.Contains(location, "?") {
		separator = "&"
	}
	_, err = c.do(request{method: "PUT", path: location + separator + "digest=" + digest, contentType: octets, body: data, stream: stream}, 201)
	return err
}

// pushImage pushes an image whose blobs are not there yet.
func (c *conn) pushImage(repository, tag string, i image, way uploadWay) error {
	for _, b := range i.blobs {
		if _, err := c.do(request{method: "HEAD", path: "/v2/" + repository + "/blobs/" + b.digest}, 404); err != nil {
			return err
		}
		if err := c.pushBlob(repository, b.digest, b.data, nil, way); err != nil {
			return err
		}
	}
	return c.pushManifest(repository, tag, i.manifest)
}

func (c *conn) pushManifest(repository, reference string, m small) error {
	_, err := c.do(request{method: "PUT", path: "/v2/" + repository + "/manifests/" + reference, contentType: manifestType, body: m.data}, 201)
	return err
}

// pullImage fetches a manifest by tag and then all blobs.
func (c *conn) pullImage(repository, tag string, i image) error {
	if err := c.get("/v2/"+repository+"/manifests/"+tag, int64(len(i.manifest.data))); err != nil {
		return err
	}
	for _, b := range i.blobs {
		if err := c.get("/v2/"+repository+"/blobs/"+b.digest, int64(len(b.data))); err != nil {
			return err
		}
	}
	return nil
}

// get fetches a path and checks that all bytes came.
func (c *conn) get(path string, size int64) error {
	a, err := c.do(request{method: "GET", path: path}, 200)
	if err == nil && a.length != size {
		err = fmt.Errorf("%s: GET %s answered %d bytes, not %d", c.name, path, a.length, size)
	}
	return err
}
