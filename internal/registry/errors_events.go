package registry

// Codes of the APIs around events and secrets.
const (
	CodeResourceNotFound       Code = "ResourceNotFound"
	CodeResourceAlreadyExists  Code = "ResourceAlreadyExists"
	CodeInvalidEventPattern    Code = "InvalidEventPattern"
	CodeInvalidRequest         Code = "InvalidRequest"
	CodeConcurrentModification Code = "ConcurrentModification"
	CodeInvalidState           Code = "InvalidState"
)

// EventBusNotFound says that there is no such bus: there is the default one.
func EventBusNotFound(name string) *Error {
	return Errorf(CodeResourceNotFound, "Event bus %s does not exist.", name)
}

// EventRuleNotFound says that a bus has no such rule.
func EventRuleNotFound(name, bus string) *Error {
	return Errorf(CodeResourceNotFound, "Rule %s does not exist on EventBus %s.", name, bus)
}

// EventRuleHasTargets refuses to delete a rule that still sends somewhere.
func EventRuleHasTargets() *Error {
	return Errorf(CodeValidation, "Rule can't be deleted since it has targets.")
}

// EventRuleWithoutTrigger refuses a rule that nothing would trigger.
func EventRuleWithoutTrigger() *Error {
	return Errorf(CodeValidation, "Parameter(s) EventPattern or ScheduleExpression must be specified.")
}

// SchedulesUnsupported refuses a rule that time would trigger. The wording is
// ours.
func SchedulesUnsupported() *Error {
	return Errorf(CodeValidation, "Parameter ScheduleExpression is not supported: rules of this registry are triggered by events only. Specify an EventPattern.")
}

// EventRuleStateUnsupported refuses a state that needs what there is not. The
// wording is ours.
func EventRuleStateUnsupported(state string) *Error {
	return Errorf(CodeValidation, "The state %s is not supported: there are no CloudTrail management events on this event bus.", state)
}

// TooManyOfEvents refuses what is above a quota of EventBridge, whichever it is.
func TooManyOfEvents() *Error {
	return Errorf(CodeLimitExceeded, "The requested resource exceeds the maximum number allowed.")
}

// EventRuleContended says that others keep changing a rule. The wording is ours,
// after the model's.
func EventRuleContended(name string) *Error {
	return Errorf(CodeConcurrentModification, "There is concurrent modification on rule %s.", name)
}

// TargetIDTwice refuses a request with two targets of one id.
func TargetIDTwice(id string) *Error {
	return Errorf(CodeValidation, "Parameter targets is not valid. Reason: More than one target with Id '%s' is provided.", id)
}

// TargetParameterUnsupported refuses parameters that are of another kind of
// target.
func TargetParameterUnsupported(parameter, id string) *Error {
	return Errorf(CodeValidation, "Parameter(s) %s not supported for target: %s.", parameter, id)
}

// TargetParameterMissing refuses a target without parameters that its kind needs.
func TargetParameterMissing(parameter, id string) *Error {
	return Errorf(CodeValidation, "Parameter(s) %s must be specified for target: %s.", parameter, id)
}

// TargetInputTwice refuses a target with more than one sort of input.
func TargetInputTwice(id string) *Error {
	return Errorf(CodeValidation, "Only one of Input, InputPath, or InputTransformer must be provided for target %s.", id)
}

// DeadLettersUnsupported refuses what cannot take dead letters.
func DeadLettersUnsupported(service string) *Error {
	return Errorf(CodeValidation, "%s is not supported as a dead letter resource.", service)
}

// DeadLettersInOrder refuses a queue that keeps an order.
func DeadLettersInOrder() *Error {
	return Errorf(CodeValidation, "SQS FIFO is not supported by Dead Letter Queues.")
}

// EventDestinationNotFound says that there is no such API destination.
func EventDestinationNotFound(name string) *Error {
	return Errorf(CodeResourceNotFound, "An api-destination '%s' does not exist.", name)
}

// InvalidEvent refuses an event that a pattern is to be tested with.
func InvalidEvent() *Error {
	return Errorf(CodeValidation, "Parameter Event is not valid.")
}

// EventsTooLarge refuses entries that are too large together.
func EventsTooLarge() *Error {
	return Errorf(CodeValidation, "Total size of the entries in the request is over the limit.")
}

// EndpointsUnsupported refuses events for a global endpoint. The wording is ours.
func EndpointsUnsupported() *Error {
	return Errorf(CodeValidation, "Parameter EndpointId is not supported: there are no global endpoints.")
}

// InvalidARN refuses what is not the name of a resource.
func InvalidARN(arn string) *Error {
	return Errorf(CodeValidation, "Parameter %s is not valid. Reason: Provided Arn is not in correct format.", arn)
}

// InvalidNextToken refuses a token that was not issued for a list.
func InvalidNextToken() *Error {
	return Errorf(CodeValidation, "Parameter NextToken is not valid.")
}

// BusTagsUnsupported refuses tags of an event bus. The wording is ours.
func BusTagsUnsupported() *Error {
	return Errorf(CodeUnsupported, "Event buses cannot be tagged: tags are supported for rules.")
}

// TooManyEventTags refuses the tag above the limit. The wording is ours.
func TooManyEventTags() *Error {
	return Errorf(CodeValidation, "The maximum number of tags that can be applied to a resource is %d.", MaxResourceTags)
}

// ReservedEventTag refuses a tag key that is AWS's own.
func ReservedEventTag() *Error {
	return Errorf(CodeValidation, "aws: prefixed tag key names are not allowed for external use.")
}

// EventTagTwice refuses a request with one tag key twice. The wording is ours.
func EventTagTwice(key string) *Error {
	return Errorf(CodeValidation, "Parameter Tags is not valid. Reason: The tag key '%s' is provided more than once.", key)
}
