package main

const doctorName = "doctor"

func doctor() command {
	return command{
		name:     doctorName,
		summary:  "find out whether a promise is kept here",
		help:     "Doctor finds out whether what is promised is so on the store that you configured.",
		commands: []command{doctorQuota(), doctorQuotaRacer()},
	}
}
