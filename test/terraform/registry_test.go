package terraform

func scanRule(frequency string, patterns ...string) object {
	return object{"scanFrequency": frequency, "repositoryFilters": set(filters(patterns...))}
}

// scanningConfiguration is aws_ecr_registry_scanning_configuration. There is
// always one: destroying it puts what a new registry has.
func scanningConfiguration(at place, kind string, rules ...any) resource {
	read := func(kind string, rules any) []step {
		return []step{{call: "GetRegistryScanningConfiguration", answers: object{
			"registryId": at.account, "scanningConfiguration": object{"scanType": kind, "rules": rules},
		}}}
	}
	reset := []step{{call: "PutRegistryScanningConfiguration", with: object{"scanType": "BASIC", "rules": list{}}}}
	return resource{
		create:  []step{{call: "PutRegistryScanningConfiguration", with: object{"scanType": kind, "rules": append(list{}, rules...)}}},
		read:    read(kind, set(rules)),
		destroy: reset,
		gone:    read("BASIC", nothing{}),
		again:   reset,
	}
}

func replicationRule(prefixes list, destinations ...any) object {
	rule := object{"destinations": list(destinations)}
	if len(prefixes) > 0 {
		var all list
		for _, prefix := range prefixes {
			all = append(all, object{"filter": prefix, "filterType": "PREFIX_MATCH"})
		}
		rule["repositoryFilters"] = all
	}
	return rule
}

func destination(region, account string) object {
	return object{"region": region, "registryId": account}
}

// replication is aws_ecr_replication_configuration. One without rules is one
// that is gone.
func replication(at place, rules ...any) resource {
	config := object{"replicationConfiguration": object{"rules": list(rules)}}
	reset := []step{{call: "PutReplicationConfiguration", with: object{"replicationConfiguration": object{"rules": list{}}}}}
	var state list
	for _, rule := range rules {
		state = append(state, object{"repositoryFilters": nothing{}}.with(rule.(object)))
	}
	read := func(rules any) []step {
		return []step{{call: "DescribeRegistry", answers: object{
			"registryId": at.account, "replicationConfiguration": object{"rules": rules},
		}}}
	}
	return resource{
		create:  []step{{call: "PutReplicationConfiguration", with: config}},
		read:    read(state),
		destroy: reset,
		gone:    read(nothing{}),
		again:   reset,
	}
}

// accountSetting is aws_ecr_account_setting. Destroying it asks for nothing:
// the setting stays.
func accountSetting(name, value string) resource {
	setting := object{"name": name, "value": value}
	return resource{
		create: []step{{call: "PutAccountSetting", with: setting, answers: setting}},
		read:   []step{{call: "GetAccountSetting", with: object{"name": name}, answers: setting}},
	}
}

// exclusion is aws_ecr_pull_time_update_exclusion: it is there when the list
// of all has it.
func exclusion(principal string) resource {
	of := object{"principalArn": principal}
	return resource{
		create:  []step{{call: "RegisterPullTimeUpdateExclusion", with: of}},
		read:    []step{{call: "ListPullTimeUpdateExclusions", answers: object{"pullTimeUpdateExclusions": set{principal}, "nextToken": nothing{}}}},
		destroy: []step{{call: "DeregisterPullTimeUpdateExclusion", with: of}},
		gone:    []step{{call: "ListPullTimeUpdateExclusions", answers: object{"pullTimeUpdateExclusions": nothing{}, "nextToken": nothing{}}}},
		again:   []step{{call: "DeregisterPullTimeUpdateExclusion", with: of, fails: "ExclusionNotFoundException"}},
	}
}

// signing is aws_ecr_signing_configuration.
func signing(at place, rules ...object) resource {
	var sent, state list
	for _, rule := range rules {
		sent = append(sent, rule)
		state = append(state, object{"repositoryFilters": nothing{}}.with(rule))
	}
	return resource{
		create:  []step{{call: "PutSigningConfiguration", with: object{"signingConfiguration": object{"rules": sent}}}},
		read:    []step{{call: "GetSigningConfiguration", answers: object{"registryId": at.account, "signingConfiguration": object{"rules": set(state)}}}},
		destroy: []step{{call: "DeleteSigningConfiguration"}},
		gone:    []step{{call: "GetSigningConfiguration", fails: "SigningConfigurationNotFoundException"}},
		again:   []step{{call: "DeleteSigningConfiguration", fails: "SigningConfigurationNotFoundException"}},
	}
}

func signingRule(at place, profile string, patterns ...string) object {
	rule := object{"signingProfileArn": "arn:aws:signer:" + at.region + ":" + at.account + ":/signing-profiles/" + profile}
	var all list
	for _, pattern := range patterns {
		all = append(all, object{"filter": pattern, "filterType": "WILDCARD_MATCH"})
	}
	if len(all) > 0 {
		rule["repositoryFilters"] = set(all)
	}
	return rule
}

func registryStories(at place) []story {
	abroad, further := destination("eu-central-1", at.account), destination("ap-southeast-2", at.account)
	return []story{
		{
			kind: "aws_ecr_registry_scanning_configuration", name: "of the registry",
			resource: scanningConfiguration(at, "BASIC", scanRule("SCAN_ON_PUSH", "*")),
			changes: []change{
				update("repository_filter", scanningConfiguration(at, "BASIC", scanRule("SCAN_ON_PUSH", "team/*", "prod*", "*-release"))),
				update("scan_type", scanningConfiguration(at, "ENHANCED", scanRule("CONTINUOUS_SCAN", "prod*"), scanRule("SCAN_ON_PUSH", "*"))),
				update("rule, none", scanningConfiguration(at, "BASIC")),
			},
		},
		{
			kind: "aws_ecr_replication_configuration", name: "of the registry",
			resource: replication(at, replicationRule(nil, abroad)),
			changes: []change{
				update("repository_filter", replication(at, replicationRule(list{"tf/", "prod"}, abroad))),
				update("destination", replication(at, replicationRule(list{"tf/"}, further, abroad))),
				update("rule", replication(at, replicationRule(nil, destination(at.region, "111122223333")), replicationRule(list{"b/"}, abroad), replicationRule(list{"a/"}, further))),
			},
		},
		setting("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE", "CLAIR", "AWS_NATIVE"),
		setting("REGISTRY_POLICY_SCOPE", "V2", "V1", "V2"),
		setting("BLOB_MOUNTING", "ENABLED", "DISABLED"),
		{
			kind: "aws_ecr_pull_time_update_exclusion", name: "of a role", resource: exclusion(at.role("scanner")),
			refused: []step{{call: "RegisterPullTimeUpdateExclusion", with: object{"principalArn": at.role("scanner")}, fails: "ExclusionAlreadyExistsException"}},
		},
		{
			kind: "aws_ecr_signing_configuration", name: "of the registry",
			resource: signing(at, signingRule(at, "release")),
			changes: []change{
				update("repository_filter", signing(at, signingRule(at, "release", "prod/*", "*-release"))),
				update("rule", signing(at, signingRule(at, "release", "prod/*"), signingRule(at, "any"))),
			},
		},
	}
}

// update is of resources that are put whole: what creates one changes it.
func update(attribute string, to resource) change {
	return change{attribute: attribute, update: to.create, read: to.read}
}

func setting(name string, values ...string) story {
	s := story{kind: "aws_ecr_account_setting", name: name, resource: accountSetting(name, values[0])}
	for _, value := range values[1:] {
		s.changes = append(s.changes, update("value", accountSetting(name, value)))
	}
	return s
}
