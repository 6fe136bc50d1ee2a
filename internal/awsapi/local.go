package awsapi

import "context"

// Local calls the operations of a service within the process, without a request
// and its signature: for whoever holds the store itself. Inputs are checked and
// errors worded as for anybody else.
type Local struct {
	server *Server
	table  *prepared
}

// NewLocal makes a Local. It fails when the table of operations cannot work.
func NewLocal(s Service) (*Local, error) {
	table, err := prepare(s)
	if err != nil {
		return nil, err
	}
	return &Local{server: &Server{}, table: table}, nil
}

// Call calls one operation as the principal of c. What it refuses is a *Fault.
func (l *Local) Call(ctx context.Context, c Call, operation string, body []byte) ([]byte, error) {
	op, fault := l.table.find(operation)
	if fault != nil {
		return nil, fault
	}
	c.Service, c.Operation = l.table.SigningName, operation
	out, fault := l.server.perform(WithCall(ctx, c), l.table, op, body, nil)
	if fault != nil {
		return nil, fault
	}
	return l.table.codec.Append(nil, out)
}
