package terraform

// template is aws_ecr_repository_creation_template.
func template(at place, prefix string, settings object) resource {
	find := object{"prefixes": list{prefix}}
	of := object{"prefix": prefix}
	return resource{
		create: []step{{
			call: "CreateRepositoryCreationTemplate", with: of.with(settings),
			answers: object{"repositoryCreationTemplate": of},
		}},
		read:    readTemplate(at, prefix, settings),
		destroy: []step{{call: "DeleteRepositoryCreationTemplate", with: of}},
		// It takes an empty list for not found, as it does the exception.
		gone:  []step{{call: "DescribeRepositoryCreationTemplates", with: find, answers: object{"repositoryCreationTemplates": nothing{}, "nextToken": nothing{}}}},
		again: []step{{call: "DeleteRepositoryCreationTemplate", with: of, fails: "TemplateNotFoundException"}},
	}
}

func readTemplate(at place, prefix string, settings object) []step {
	state := object{
		"prefix": prefix, "description": nothing{}, "customRoleArn": nothing{}, "resourceTags": nothing{},
		"repositoryPolicy": nothing{}, "lifecyclePolicy": nothing{},
		"imageTagMutability": "MUTABLE", "imageTagMutabilityExclusionFilters": nothing{},
		"encryptionConfiguration": object{"encryptionType": "AES256", "kmsKey": nothing{}},
	}.with(settings)
	return []step{{
		call: "DescribeRepositoryCreationTemplates", with: object{"prefixes": list{prefix}},
		answers: object{"registryId": at.account, "repositoryCreationTemplates": list{state}, "nextToken": nothing{}},
	}}
}

func appliedFor(reasons ...any) object { return object{"appliedFor": set(reasons)} }

func templateStories(at place) []story {
	const kind = "aws_ecr_repository_creation_template"
	return []story{
		{kind: kind, name: "of everything", resource: template(at, "ROOT", mutability("MUTABLE").with(appliedFor("PULL_THROUGH_CACHE")))},
		fullTemplate(at, kind, "tf/made"),
	}
}

func fullTemplate(at place, kind, prefix string) story {
	now := mutability("IMMUTABLE").with(appliedFor("PULL_THROUGH_CACHE", "REPLICATION"), encryption("AES256"), object{
		"description": "as made", "customRoleArn": at.role("maker"),
		"resourceTags":     tags(map[string]string{"team": "a", "env": "dev"}),
		"repositoryPolicy": pullers("111122223333"), "lifecyclePolicy": expiring("some", 10),
	})
	s := story{kind: kind, name: "with all of its attributes", resource: template(at, prefix, now), refused: []step{{
		call: "CreateRepositoryCreationTemplate", with: object{"prefix": prefix}.with(appliedFor("REPLICATION")), fails: "TemplateAlreadyExistsException",
	}}}
	// An update sends what has changed, and that alone; what went is sent empty.
	updated := func(attribute string, sent, state object) {
		now = now.with(state)
		s.changes = append(s.changes, change{
			attribute: attribute,
			update:    []step{{call: "UpdateRepositoryCreationTemplate", with: object{"prefix": prefix}.with(sent)}},
			read:      readTemplate(at, prefix, now),
		})
	}
	same := func(attribute string, settings object) { updated(attribute, settings, settings) }
	gone := func(attribute, member string) {
		updated(attribute+", away", object{member: ""}, object{member: nothing{}})
	}
	key := "arn:aws:kms:" + at.region + ":" + at.account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"

	same("applied_for", appliedFor("CREATE_ON_PUSH"))
	same("custom_role_arn", object{"customRoleArn": at.role("other-maker")})
	same("description", object{"description": "as changed"})
	same("encryption_configuration", object{"encryptionConfiguration": object{"encryptionType": "KMS", "kmsKey": key}})
	same("image_tag_mutability", mutability("MUTABLE"))
	same("image_tag_mutability_exclusion_filter", excluding("IMMUTABLE_WITH_EXCLUSION", "latest", "dev-*"))
	updated("image_tag_mutability_exclusion_filter, away", mutability("IMMUTABLE"),
		mutability("IMMUTABLE").with(object{"imageTagMutabilityExclusionFilters": nothing{}}))
	same("lifecycle_policy", object{"lifecyclePolicy": expiring("others", 20)})
	same("repository_policy", object{"repositoryPolicy": pullers("444455556666")})
	same("resource_tags", object{"resourceTags": tags(map[string]string{"env": "prod", "cost": "1"})})
	gone("custom_role_arn", "customRoleArn")
	gone("description", "description")
	gone("lifecycle_policy", "lifecyclePolicy")
	gone("repository_policy", "repositoryPolicy")
	updated("resource_tags, away", object{"resourceTags": list{}}, object{"resourceTags": nothing{}})
	return s
}
