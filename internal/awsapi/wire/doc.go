// Package wire turns AWS JSON 1.1 bodies into the structs of the AWS SDK and
// back. It is for servers: it decodes what clients send and encodes what they
// read, the reverse of what the SDK does.
//
// The shape of a type is worked out once and kept; a request only runs the
// finished plan. What a client sends is data from outside: nesting is bounded,
// every length is that of the body that was read, and a value of the wrong
// kind is an *Error, never a panic.
//
// The package knows JSON and reflection. It must not know HTTP, operations or
// any one service; how a service names its members is given to New.
package wire
