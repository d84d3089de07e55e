package audit

// What tests count against.
const (
	QueueSize = queueSize
	CrowdFrom = crowdFrom
	CrowdSize = crowdSize
)
