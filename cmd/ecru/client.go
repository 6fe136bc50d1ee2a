package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ecru-registry/ecru/internal/awsapi/admin"
)

// maxAnswer bounds what is read of a server's answer.
const maxAnswer = 16 << 20

// adminClient calls ecru's own API on a running server.
type adminClient struct {
	access accessInfo
	http   http.Client
}

// refusalError is what a server has refused.
type refusalError struct{ code, message string }

func (e *refusalError) Error() string { return e.code + ": " + e.message }

// call sends one operation.
func (c *adminClient) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := c.post(ctx, admin.Target, admin.SigningName, operation, body)
	var refusal *refusalError
	if errors.As(err, &refusal) {
		return fmt.Errorf("%s: %s", operation, refusal.message)
	}
	if err != nil {
		return err
	}
	return decodeAnswer(answer, out)
}

// post signs and sends one request. Importing takes as long as it takes: only
// the context ends a call.
func (c *adminClient) post(ctx context.Context, target, service, operation string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.access.Endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", target+"."+operation)
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: c.access.AccessKeyID, SecretAccessKey: c.access.SecretAccessKey}
	err = v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), service, c.access.Region, time.Now())
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the server at %s: %w", c.access.Endpoint, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err == nil && response.StatusCode != http.StatusOK {
		return nil, refused(response, answer)
	}
	return answer, err
}

func refused(response *http.Response, answer []byte) error {
	var body struct {
		Type    string `json:"__type"`
		Message string
	}
	if json.Unmarshal(answer, &body) != nil || body.Message == "" {
		body.Message = response.Status
	}
	return &refusalError{code: body.Type, message: body.Message}
}
