package main

// eventLogRows are the operations of ecru's own API around events: as with all
// of it, managed policies for ECR allow none of them.
func eventLogRows() []walked {
	const account = `"accountId":"000000000000"`
	return []walked{
		{name: "ecru:DeleteDeadLetters", body: `{` + account + `,"ruleName":"walk"}`},
		{name: "ecru:ListDeadLetters", body: `{` + account + `}`},
		{name: "ecru:ListEvents", body: `{` + account + `}`},
		{name: "ecru:ReplayEvents", body: `{` + account + `,"from":1700000000}`},
		{name: "ecru:RetryDeadLetters", body: `{` + account + `,"ids":[1]}`},
	}
}
