package awsmodel

import (
	"bytes"
	"encoding/json"
)

// Model is a service model as botocore reads it from service-2.json.
type Model struct {
	Version    string               `json:"version"`
	Metadata   map[string]any       `json:"metadata"`
	Operations map[string]Operation `json:"operations"`
	Shapes     map[string]*Shape    `json:"shapes"`

	folder     string // what clients call the service
	paginators []byte
	waiters    []byte
}

// Operation is a request and its answer.
type Operation struct {
	Name   string `json:"name"`
	HTTP   HTTP   `json:"http"`
	Input  Ref    `json:"input"`
	Output Ref    `json:"output"`
}

// HTTP is how requests of an operation are sent.
type HTTP struct {
	Method     string `json:"method"`
	RequestURI string `json:"requestUri"`
}

// Ref refers to a shape.
type Ref struct {
	Shape string `json:"shape"`
}

// Shape is a type.
type Shape struct {
	Type      string   `json:"type"`
	Required  []string `json:"required,omitempty"`
	Members   Members  `json:"members,omitzero"` // of a structure
	Member    *Ref     `json:"member,omitempty"` // of a list
	Key       *Ref     `json:"key,omitempty"`    // of a map
	Value     *Ref     `json:"value,omitempty"`
	Enum      []string `json:"enum,omitempty"`
	Exception bool     `json:"exception,omitempty"`
	Fault     bool     `json:"fault,omitempty"`
}

// Members are the members of a structure. Clients print them in this order.
type Members []Member

// Member is one member of a structure.
type Member struct {
	Name string `json:"-"`
	Ref
	// Location is where it is sent if not in the body, LocationName as what.
	Location     string `json:"location,omitempty"`
	LocationName string `json:"locationName,omitempty"`
}

// MarshalJSON writes an object whose members keep their order.
func (m Members) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, member := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(member.Name)
		if err != nil {
			return nil, err
		}
		ref, err := json.Marshal(member)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(ref)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object and keeps the order of its members.
func (m *Members) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return err
	}
	*m = Members{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		member := Member{Name: name.(string)} // a name: the decoder has seen to it
		if err := d.Decode(&member); err != nil {
			return err
		}
		*m = append(*m, member)
	}
	return nil
}

// Named answers the member of a name.
func (m Members) Named(name string) (Member, bool) {
	for _, member := range m {
		if member.Name == name {
			return member, true
		}
	}
	return Member{}, false
}

// metadata is what clients have to know of ECR before the first request.
func metadata() map[string]any {
	return map[string]any{
		"apiVersion": apiVersion, "endpointPrefix": "api.ecr", "jsonVersion": "1.1",
		"protocol": "json", "protocols": []string{"json"}, "auth": []string{"aws.auth#sigv4"},
		"serviceAbbreviation": "Amazon ECR", "serviceFullName": "Amazon Elastic Container Registry",
		"serviceId": "ECR", "signatureVersion": "v4", "signingName": "ecr",
		"targetPrefix": "AmazonEC2ContainerRegistry_V20150921", "uid": "ecr-" + apiVersion,
	}
}
