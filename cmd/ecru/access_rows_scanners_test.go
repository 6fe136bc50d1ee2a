package main

// scannerRows are the operations of ecru's own API around scanners of others: as
// with all of it, managed policies for ECR allow none of them.
func scannerRows() []walked {
	const account = `"accountId":"000000000000"`
	return []walked{
		{name: "ecru:AddScanner", body: `{` + account + `,"scannerName":"walk","url":"http://scanner.invalid","registryUrl":"http://registry.invalid"}`},
		{name: "ecru:ListScanners", body: `{` + account + `}`},
		{name: "ecru:RemoveScanner", body: `{` + account + `,"scannerName":"walk"}`},
		{name: "ecru:SetDefaultScanner", body: `{` + account + `,"scannerName":"walk"}`},
		{name: "ecru:TestScanner", body: `{` + account + `,"scannerName":"walk"}`},
	}
}
