// Package chaos tests what survives: clients push while the server is killed
// again and again, and whatever was acknowledged to them has to be there
// afterwards, with nothing left that leads nowhere.
//
// It sees the server only from outside. Only the tests are in this package;
// nothing may import it.
package chaos
