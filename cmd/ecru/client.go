package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// call sends one operation. Importing takes as long as it takes: only the
// context ends a call.
func (c *adminClient) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.access.Endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", admin.Target+"."+operation)
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: c.access.AccessKeyID, SecretAccessKey: c.access.SecretAccessKey}
	err = v4.NewSigner().SignHTTP(ctx, credentials, request, hex.EncodeToString(sum[:]), admin.SigningName, c.access.Region, time.Now())
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("cannot reach the server at %s: %w", c.access.Endpoint, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var refusal struct{ Message string }
		if json.Unmarshal(answer, &refusal) != nil || refusal.Message == "" {
			refusal.Message = response.Status
		}
		return fmt.Errorf("%s: %s", operation, refusal.Message)
	}
	return decodeAnswer(answer, out)
}
