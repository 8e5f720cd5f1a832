package cases

import "bytes"

// Update returns the file with the verdict word of each case replaced by the
// verdict it got; comments, spaces and everything else stay as they are. The
// results are those of this file, all of them and in its order. A YAML file
// stays as it is altogether.
func (f *File) Update(results []Result) []byte {
	if !f.lines {
		return bytes.Clone(f.data)
	}
	var out []byte
	from := 0
	for i := range results {
		word := results[i].Case.verdict
		out = append(out, f.data[from:word.start]...)
		out = append(out, results[i].Decision.Verdict.String()...)
		from = word.end
	}
	return append(out, f.data[from:]...)
}

// Updates reports whether Update can put the verdicts right in this file.
func (f *File) Updates() bool { return f.lines }
