package terraform

func statement(sid string, principal string, actions ...string) object {
	return object{"Sid": sid, "Effect": "Allow", "Principal": object{"AWS": principal}, "Action": actions}
}

func policy(statements ...object) document {
	return document{"Version": "2012-10-17", "Statement": statements}
}

func pullers(accounts ...string) document {
	var principals []string
	for _, account := range accounts {
		principals = append(principals, "arn:aws:iam::"+account+":root")
	}
	return policy(object{
		"Sid": "Pull", "Effect": "Allow", "Principal": object{"AWS": principals},
		"Action": []string{"ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"},
	})
}

// expiring is a lifecycle policy that keeps some images.
func expiring(description string, keep int) document {
	return document{"rules": list{object{
		"rulePriority": 1, "description": description,
		"selection": object{"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep},
		"action":    object{"type": "expire"},
	}}}
}

// repositoryPolicy is aws_ecr_repository_policy. Create and update are the same
// request, tried again for two minutes while it is called an invalid policy.
func repositoryPolicy(at place, repository string, text document) resource {
	of := object{"repositoryName": repository}
	destroy := step{call: "DeleteRepositoryPolicy", with: of.with(object{"registryId": at.account})}
	again := destroy
	again.fails = "RepositoryPolicyNotFoundException"
	return resource{
		create:  []step{{call: "SetRepositoryPolicy", with: of.with(object{"policyText": text})}},
		read:    []step{{call: "GetRepositoryPolicy", with: of, answers: of.with(object{"registryId": at.account, "policyText": text})}},
		destroy: []step{destroy},
		gone:    []step{{call: "GetRepositoryPolicy", with: of, fails: "RepositoryPolicyNotFoundException"}},
		again:   []step{again},
	}
}

// lifecyclePolicy is aws_ecr_lifecycle_policy. It has no update: another
// policy replaces it.
func lifecyclePolicy(at place, repository string, text document) resource {
	of := object{"repositoryName": repository}
	id := of.with(object{"registryId": at.account})
	return resource{
		create:  []step{{call: "PutLifecyclePolicy", with: of.with(object{"lifecyclePolicyText": text}), answers: id}},
		read:    []step{{call: "GetLifecyclePolicy", with: of, answers: id.with(object{"lifecyclePolicyText": text})}},
		destroy: []step{{call: "DeleteLifecyclePolicy", with: of}},
		gone:    []step{{call: "GetLifecyclePolicy", with: of, fails: "LifecyclePolicyNotFoundException"}},
		again:   []step{{call: "DeleteLifecyclePolicy", with: of, fails: "LifecyclePolicyNotFoundException"}},
	}
}

// registryPolicy is aws_ecr_registry_policy, whose id is that of the registry.
func registryPolicy(at place, text document) resource {
	registry := object{"registryId": at.account}
	return resource{
		create:  []step{{call: "PutRegistryPolicy", with: object{"policyText": text}, answers: registry}},
		read:    []step{{call: "GetRegistryPolicy", answers: registry.with(object{"policyText": text})}},
		destroy: []step{{call: "DeleteRegistryPolicy"}},
		gone:    []step{{call: "GetRegistryPolicy", fails: "RegistryPolicyNotFoundException"}},
		again:   []step{{call: "DeleteRegistryPolicy", fails: "RegistryPolicyNotFoundException"}},
	}
}

func policyStories(at place) []story {
	const name = "tf/policies"
	home := repository(at, name, mutability("MUTABLE"), nil)
	one := repositoryPolicy(at, name, pullers("111122223333"))
	two := repositoryPolicy(at, name, pullers("111122223333", "444455556666"))
	// <, > and & are escaped in what the provider sends.
	escaped := lifecyclePolicy(at, name, expiring("older < newer & \"kept\" > gone", 3))
	archive := lifecyclePolicy(at, name, archiving())
	replaced := append(append([]step{}, escaped.destroy...), archive.create...)
	replicators := registryPolicy(at, replicating(at, "tf"))
	importers := registryPolicy(at, importing(at, "quay"))
	return []story{
		{
			kind: "aws_ecr_repository_policy", name: "of accounts",
			needs: home.create, resource: one, after: home.destroy,
			changes: []change{{attribute: "policy", update: two.create, read: two.read}},
			refused: []step{{
				call: "SetRepositoryPolicy", with: object{"repositoryName": name, "policyText": policy(statement("Role", at.role("to-come"), "ecr:BatchGetImage"))},
				fails: "InvalidParameterException", says: "Invalid repository policy provided",
			}},
		},
		{
			kind: "aws_ecr_repository_policy", name: "of a repository that is gone",
			needs: home.create, resource: resource{
				create: one.create, read: one.read, destroy: home.destroy,
				gone:  failing(one.read, "RepositoryNotFoundException"),
				again: failing(one.destroy, "RepositoryNotFoundException"),
			},
		},
		{
			kind: "aws_ecr_lifecycle_policy", name: "of images",
			needs: home.create, resource: escaped, after: home.destroy,
			changes: []change{{attribute: "policy", update: replaced, read: archive.read}},
		},
		{
			kind: "aws_ecr_lifecycle_policy", name: "of a repository that is gone",
			needs: home.create, resource: resource{
				create: escaped.create, read: escaped.read, destroy: home.destroy,
				gone:  failing(escaped.read, "RepositoryNotFoundException"),
				again: failing(escaped.destroy, "RepositoryNotFoundException"),
			},
		},
		{
			kind: "aws_ecr_registry_policy", name: "of replication", resource: replicators,
			changes: []change{{attribute: "policy", update: importers.create, read: importers.read}},
		},
	}
}

// failing are the same requests, refused.
func failing(steps []step, exception string) []step {
	var all []step
	for _, s := range steps {
		all = append(all, step{call: s.call, with: s.with, fails: exception})
	}
	return all
}

// archiving is a policy with every member that the provider compares. It sorts
// rules by their priority and tags by their names before it does.
func archiving() document {
	return document{"rules": list{
		object{
			"rulePriority": 20, "description": "archived images go in the end",
			"selection": object{"tagStatus": "any", "storageClass": "archive", "countType": "sinceImageTransitioned", "countUnit": "days", "countNumber": 365},
			"action":    object{"type": "expire"},
		},
		object{
			"rulePriority": 1,
			"selection":    object{"tagStatus": "tagged", "tagPatternList": list{"release-*", "v*"}, "countType": "sinceImagePulled", "countUnit": "days", "countNumber": 180},
			"action":       object{"type": "transition", "targetStorageClass": "archive"},
		},
		object{
			"rulePriority": 5,
			"selection":    object{"tagStatus": "tagged", "tagPrefixList": list{"dev", "test"}, "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14},
			"action":       object{"type": "expire"},
		},
	}}
}

func replicating(at place, prefix string) document {
	s := statement("Replicate", "arn:aws:iam::"+at.account+":root", "ecr:CreateRepository", "ecr:ReplicateImage")
	s["Resource"] = []string{"arn:aws:ecr:*:" + at.account + ":repository/" + prefix + "/*"}
	return policy(s)
}

func importing(at place, prefix string) document {
	s := statement("Import", "arn:aws:iam::"+at.account+":root", "ecr:CreateRepository", "ecr:BatchImportUpstreamImage")
	s["Resource"] = "arn:aws:ecr:" + at.region + ":" + at.account + ":repository/" + prefix + "/*"
	return policy(s)
}
