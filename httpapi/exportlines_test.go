package httpapi

import (
	"bufio"
	"errors"
	"io"
)

// ReadLines reads the lines of an import, until an error; those that are too long
// are "long".
func ReadLines(r io.Reader, most int) (lines []string, err error) {
	in := lineReader{r: bufio.NewReaderSize(r, 16), most: most}
	for {
		line, err := in.next()
		switch {
		case errors.Is(err, errLongLine):
			lines = append(lines, "long")
		case err != nil:
			return lines, err
		default:
			lines = append(lines, string(line))
		}
	}
}
