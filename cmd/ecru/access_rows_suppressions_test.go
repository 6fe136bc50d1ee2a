package main

// suppressionRows are the operations of ecru's own API around what people say of
// findings: as with all of it, managed policies for ECR allow none of them.
func suppressionRows() []walked {
	const account = `"accountId":"000000000000"`
	return []walked{
		{name: "ecru:AddVexDocument", body: `{` + account + `,"document":"{\"@context\":\"https://openvex.dev/ns/v0.2.0\",\"author\":\"walk\",\"statements\":[{\"vulnerability\":{\"name\":\"CVE-2024-1\"},\"status\":\"fixed\",\"products\":[\"pkg:npm/walk\"]}]}"}`},
		{name: "ecru:CreateSuppression", body: `{` + account + `,"vulnerability":"CVE-2024-1","reason":"walk"}`},
		{name: "ecru:DeleteSuppression", body: `{` + account + `,"suppressionId":"01234567-89ab-cdef-0123-456789abcdef"}`},
		{name: "ecru:DeleteVexDocument", body: `{` + account + `,"documentId":"01234567-89ab-cdef-0123-456789abcdef"}`},
		{name: "ecru:ListSuppressions", body: `{` + account + `}`},
		{name: "ecru:ListVexDocuments", body: `{` + account + `}`},
	}
}
