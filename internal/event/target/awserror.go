package target

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/outbound"
)

// awsFailure is what a call of AWS that went wrong has come to. As with
// EventBridge, permissions and resources that are missing end it, while
// throttling, failures of AWS, and credentials of ours that are not good just
// now are tried again.
func awsFailure(ctx context.Context, err error) error {
	var known *delivery.Error
	var denied *outbound.DeniedError
	var said smithy.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.As(err, &denied):
		return never(denied)
	case errors.As(err, &said):
		return apiFailure(err, said)
	case errors.Is(ctx.Err(), context.DeadlineExceeded) || isTimeout(err):
		return noAnswer()
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return &delivery.Error{Err: &hidden{text: withoutAddresses(err), err: err}}
}

func apiFailure(err error, said smithy.APIError) error {
	e := &delivery.Error{Status: said.ErrorCode(), Err: errors.New(said.ErrorMessage())}
	var answer *awshttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil || answer.Response.Response == nil {
		return e
	}
	status := answer.HTTPStatusCode()
	e.After = retryAfter(answer.Response.Header.Get("Retry-After"), time.Now())
	e.Permanent = status < http.StatusInternalServerError && status != http.StatusTooManyRequests && !worthAnother(said.ErrorCode())
	return e
}

// worthAnother says whether an error of AWS may pass.
func worthAnother(code string) bool {
	if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
		return true
	}
	switch code {
	case "KMSThrottlingException", "KMSThrottling", "KmsThrottled", "ServiceUnavailable", "RequestTimeout", "RequestTimeoutException",
		// our credentials, which the operator renews
		"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidAccessKeyId", "UnrecognizedClientException",
		"SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "MissingAuthenticationToken":
		return true
	}
	return false
}
