package main

// secretRows are the operations around secrets, connections and API
// destinations.
func secretRows() []walked {
	const (
		id      = `"SecretId":"arn:aws:secretsmanager:us-east-1:000000000000:secret:walk"`
		value   = `"SecretString":"walked"`
		token   = `"ClientRequestToken":"01234567-89ab-cdef-0123-456789abcdef"`
		name    = `"Name":"walk"`
		auth    = `"AuthParameters":{"BasicAuthParameters":{"Username":"a","Password":"b"}}`
		connect = `"ConnectionArn":"arn:aws:events:us-east-1:000000000000:connection/walk/01234567-89ab-cdef-0123-456789abcdef"`
	)
	return []walked{
		{name: "secretsmanager:BatchGetSecretValue", body: `{"SecretIdList":["walk"]}`, self: true},
		{name: "secretsmanager:CreateSecret", body: `{` + name + `,` + value + `,` + token + `}`, self: true},
		{name: "secretsmanager:DeleteSecret", body: `{` + id + `}`},
		{name: "secretsmanager:DescribeSecret", body: `{` + id + `}`},
		{name: "secretsmanager:GetRandomPassword", body: `{}`, self: true},
		{name: "secretsmanager:GetResourcePolicy", body: `{` + id + `}`},
		{name: "secretsmanager:GetSecretValue", body: `{` + id + `}`},
		{name: "secretsmanager:ListSecretVersionIds", body: `{` + id + `}`},
		{name: "secretsmanager:ListSecrets", body: `{}`, self: true},
		{name: "secretsmanager:PutSecretValue", body: `{` + id + `,` + value + `,` + token + `}`},
		{name: "secretsmanager:RestoreSecret", body: `{` + id + `}`},
		{name: "secretsmanager:TagResource", body: `{` + id + `,"Tags":[{"Key":"a","Value":"b"}]}`},
		{name: "secretsmanager:UntagResource", body: `{` + id + `,"TagKeys":["a"]}`},
		{name: "secretsmanager:UpdateSecret", body: `{` + id + `,` + value + `,` + token + `}`},
		{name: "secretsmanager:UpdateSecretVersionStage", body: `{` + id + `,"VersionStage":"AWSPENDING"}`},

		{name: "events:CreateApiDestination", body: `{` + name + `,` + connect + `,"InvocationEndpoint":"https://example.com/","HttpMethod":"POST"}`, self: true},
		{name: "events:CreateConnection", body: `{` + name + `,"AuthorizationType":"BASIC",` + auth + `}`, self: true},
		{name: "events:DeauthorizeConnection", body: `{` + name + `}`, self: true},
		{name: "events:DeleteApiDestination", body: `{` + name + `}`, self: true},
		{name: "events:DeleteConnection", body: `{` + name + `}`, self: true},
		{name: "events:DescribeApiDestination", body: `{` + name + `}`, self: true},
		{name: "events:DescribeConnection", body: `{` + name + `}`, self: true},
		{name: "events:ListApiDestinations", body: `{}`, self: true},
		{name: "events:ListConnections", body: `{}`, self: true},
		{name: "events:UpdateApiDestination", body: `{` + name + `,"Description":"d"}`, self: true},
		{name: "events:UpdateConnection", body: `{` + name + `,"Description":"d"}`, self: true},
	}
}
