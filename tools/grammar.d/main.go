// Reads statements, one a line as NAME<TAB>SQL, with CockroachDB's own grammar. For each it prints NAME<TAB>ok, or NAME<TAB>what is
// wrong with it. It judges syntax; whether a function is known, tools/grammar asks a list.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/cockroachdb/cockroachdb-parser/pkg/sql/parser"
)

const lineMax = 1 << 20

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineMax)
	for lines.Scan() {
		name, sql, _ := strings.Cut(lines.Text(), "\t")
		statements, err := parser.Parse(sql)
		verdict := "ok"
		if err != nil {
			verdict = strings.ReplaceAll(err.Error(), "\n", " ")
		} else if len(statements) != 1 {
			verdict = fmt.Sprintf("%d statements instead of one", len(statements))
		}
		fmt.Printf("%s\t%s\n", name, verdict)
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
