package service

import (
	"errors"

	"github.com/ecru-registry/ecru/internal/registry"
)

// Keyring makes secrets unreadable for whoever reads only the database. What is
// sealed for a purpose opens for that purpose alone.
type Keyring interface {
	Seal(purpose string, plaintext []byte) []byte
	Open(purpose string, sealed []byte) ([]byte, error)
}

// SecretPurpose is what the secrets of access keys and of the instance are
// sealed for. It is one for all of them, because they are sealed anew all
// together, see meta.KeyRing.RewriteSecrets.
const SecretPurpose = "ecru secret"

var errNoKeyring = errors.New("there is no key to seal secrets with")

// sealSecret makes the form in which a secret of an access key is stored.
func (s *Service) sealSecret(secret string) ([]byte, error) {
	if s.Keyring == nil {
		return nil, registry.Internal("sealing a secret", errNoKeyring)
	}
	return s.Keyring.Seal(SecretPurpose, []byte(secret)), nil
}

// openSecret answers a secret that was sealed.
func (s *Service) openSecret(sealed []byte) (string, error) {
	if s.Keyring == nil {
		return "", registry.Internal("opening a secret", errNoKeyring)
	}
	secret, err := s.Keyring.Open(SecretPurpose, sealed)
	if err != nil {
		return "", registry.Internal("opening a secret", err)
	}
	return string(secret), nil
}
