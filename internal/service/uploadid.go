package service

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// uploadLifetime is how long an upload session may be used.
const uploadLifetime = 24 * time.Hour

// Upload ids are UUIDs of version 8, made so that a session needs no record
// before its first bytes have arrived: 32 bits of time in seconds, 50 random
// bits, and 40 bits of a MAC over those and the repository. Any process of the
// registry can tell that an id is one of ours, for this repository, and young.

// newUploadID makes an id for an upload into a repository.
func (s *Service) newUploadID(repositoryID int64) string {
	var id uuid.UUID
	binary.BigEndian.PutUint32(id[0:4], uint32(s.Now().Unix()))
	// crypto/rand.Read never fails.
	_, _ = rand.Read(id[4:11])
	s.sealUploadID(&id, repositoryID)
	return id.String()
}

// sealUploadID sets the version, the variant and the MAC.
func (s *Service) sealUploadID(id *uuid.UUID, repositoryID int64) {
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	copy(id[11:], s.uploadMAC(id, repositoryID))
}

func (s *Service) uploadMAC(id *uuid.UUID, repositoryID int64) []byte {
	mac := hmac.New(sha256.New, s.uploadKey)
	var repository [8]byte
	binary.BigEndian.PutUint64(repository[:], uint64(repositoryID))
	mac.Write(repository[:])
	mac.Write(id[:11])
	return mac.Sum(nil)[:5]
}

// validUploadID says whether an id was made by newUploadID for the repository
// and has not expired. The canonical form is demanded because ids are keys.
func (s *Service) validUploadID(text string, repositoryID int64) bool {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return false
	}
	made := time.Unix(int64(binary.BigEndian.Uint32(id[0:4])), 0)
	if s.Now().Sub(made) > uploadLifetime {
		return false
	}
	return hmac.Equal(id[11:], s.uploadMAC(&id, repositoryID))
}
