package telemetry

// classes are the classes of SQLSTATE that PostgreSQL has (appendix "PostgreSQL
// Error Codes"). A function can raise any code, so only these are labels.
var classes = map[string]bool{
	"01": true, "02": true, "03": true, "08": true, "09": true, "0A": true, "0B": true, "0F": true, "0L": true,
	"0P": true, "0Z": true, "10": true, "20": true, "21": true, "22": true, "23": true, "24": true, "25": true,
	"26": true, "27": true, "28": true, "2B": true, "2D": true, "2F": true, "34": true, "38": true, "39": true,
	"3B": true, "3D": true, "3F": true, "40": true, "42": true, "44": true, "53": true, "54": true, "55": true,
	"57": true, "58": true, "72": true, "F0": true, "HV": true, "P0": true, "XX": true,
}

// failureClass is the class of an SQLSTATE, "_OTHER" if PostgreSQL has no such
// class; empty for success.
func failureClass(sqlstate string) string {
	switch {
	case sqlstate == "":
		return ""
	case len(sqlstate) == 5 && classes[sqlstate[:2]]:
		return sqlstate[:2]
	}
	return "_OTHER"
}
