package service

import (
	"bytes"
	"crypto/subtle"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

// version answers a version by its id, nil when there is none.
func (x *storedSecret) version(id string) *storedSecretVersion {
	i := slices.IndexFunc(x.Versions, func(v storedSecretVersion) bool { return v.ID == id })
	if i < 0 {
		return nil
	}
	return &x.Versions[i]
}

// labelled answers the version that has a staging label, nil when none has.
func (x *storedSecret) labelled(label string) *storedSecretVersion {
	i := slices.IndexFunc(x.Versions, func(v storedSecretVersion) bool { return slices.Contains(v.Labels, label) })
	if i < 0 {
		return nil
	}
	return &x.Versions[i]
}

// holds says whether a version has a value.
func (v *storedSecretVersion) holds(value SecretValue) bool {
	return v.Binary == value.Binary && subtle.ConstantTimeCompare(v.Data, value.Data) == 1
}

// put adds a version with labels, AWSCURRENT without any, and answers it. The
// same again changes nothing.
// Errors: ResourceAlreadyExists, LimitExceeded.
func (x *storedSecret) put(id string, value SecretValue, labels []string, arn string, now time.Time) (SecretVersion, error) {
	if there := x.version(id); there != nil {
		if !there.holds(value) {
			return SecretVersion{}, registry.SecretTokenUsed(id, arn)
		}
		return there.describe(), nil
	}
	// A secret that has a value has a current one.
	if len(labels) == 0 || len(x.Versions) == 0 && !slices.Contains(labels, labelCurrent) {
		labels = append(slices.Clone(labels), labelCurrent)
	}
	x.Versions = append(x.Versions, storedSecretVersion{ID: id, Binary: value.Binary, Data: bytes.Clone(value.Data), CreatedAt: now})
	for _, label := range labels {
		x.move(label, id)
	}
	if err := x.checkLabels(); err != nil {
		return SecretVersion{}, err
	}
	x.ChangedAt = now
	x.prune()
	return x.version(id).describe(), nil
}

// move gives a label to a version and takes it from the one that had it, which
// is the previous one if it was the current one. An empty id takes it away.
func (x *storedSecret) move(label, id string) {
	from := x.labelled(label)
	if from != nil && from.ID == id {
		return
	}
	if from != nil {
		from.unlabel(label)
	}
	if to := x.version(id); to != nil {
		to.label(label)
		if label == labelCurrent {
			to.unlabel(labelPrevious) // it was that one that came back
		}
	}
	if label == labelCurrent && from != nil {
		x.move(labelPrevious, from.ID)
	}
}

func (v *storedSecretVersion) label(label string) {
	if i, there := slices.BinarySearch(v.Labels, label); !there {
		v.Labels = slices.Insert(v.Labels, i, label)
	}
}

func (v *storedSecretVersion) unlabel(label string) {
	v.Labels = slices.DeleteFunc(v.Labels, func(l string) bool { return l == label })
}

// checkLabels holds a secret to as many labels as it may have.
func (x *storedSecret) checkLabels() error {
	n := 0
	for i := range x.Versions {
		n += len(x.Versions[i].Labels)
	}
	if n > maxSecretLabels {
		return registry.TooManySecretLabels(maxSecretLabels)
	}
	return nil
}

// prune drops the oldest versions without a label, but for as many as are kept.
func (x *storedSecret) prune() {
	count, size := 0, 0
	kept := make([]storedSecretVersion, 0, len(x.Versions))
	for _, v := range slices.Backward(x.Versions) {
		if len(v.Labels) == 0 {
			count++
			size += len(v.Data)
			if count > keptSecretVersions || size > keptSecretBytes {
				continue
			}
		}
		kept = append(kept, v)
	}
	slices.Reverse(kept)
	x.Versions = kept
}

// pick answers the version that is asked for: by its id, by a label, by both,
// or the current one. Errors: ResourceNotFound, InvalidRequest.
func (x *storedSecret) pick(id, label string) (*storedSecretVersion, error) {
	if id == "" {
		if label == "" {
			label = labelCurrent
		}
		v := x.labelled(label)
		if v == nil {
			return nil, registry.SecretLabelUnknown(label)
		}
		return v, nil
	}
	v := x.version(id)
	switch {
	case v == nil:
		return nil, registry.SecretVersionUnknown(id)
	case label != "" && !slices.Contains(v.Labels, label):
		return nil, registry.SecretLabelElsewhere()
	}
	return v, nil
}
