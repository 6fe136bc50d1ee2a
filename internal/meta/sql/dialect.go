package sql

import (
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// dialect is a way to write SQL. Statements in this package are constants in
// which
//
//	?            is an argument,
//	{in}         is "is one of the elements of the list argument",
//	{index}      is where a list names the index that SQLite has to use,
//	{unnest}     is a table with a column value, of a list of integers,
//	{tags}       is the JSON array of the tags of the image i, in order,
//	{each_tag}   joins the image i with its tags as t, in order,
//	{pg:…}       is kept for PostgreSQL only: locks, mostly,
//	{lite:…}     is kept for SQLite only, such as CROSS JOIN, which has it keep
//	             the order of tables as written.
type dialect struct {
	name     string
	tokens   *strings.Replacer
	numbered bool // arguments are $1, $2 …
	// textOnly: the database refuses strings that are not UTF-8 or hold NUL.
	textOnly bool
	// shards is how many rows a counter is spread over.
	shards int

	rendered sync.Map // statement as written → as the database reads it
}

func sqliteDialect() *dialect {
	return &dialect{
		name:   "sqlite",
		shards: 1,
		tokens: strings.NewReplacer(
			"{index}", "",
			"{in}", "IN (SELECT value FROM json_each(?))",
			"{unnest}", "json_each(?)",
			"{tags}", "(SELECT json_group_array(tag) FROM (SELECT tag FROM tags WHERE image_id = i.id ORDER BY tag))",
			"{each_tag}", "LEFT JOIN tags t ON t.image_id = i.id",
		),
	}
}

func postgresDialect() *dialect {
	return &dialect{
		name:     "postgres",
		shards:   16,
		numbered: true,
		textOnly: true,
		tokens: strings.NewReplacer(
			"{index}", "",
			"{in}", "= ANY(?)",
			"{unnest}", "unnest(?::bigint[]) AS e(value)",
			"{tags}", "(SELECT coalesce(json_agg(tag ORDER BY tag), '[]')::text FROM tags WHERE image_id = i.id)",
			"{each_tag}", "LEFT JOIN LATERAL (SELECT tag FROM tags WHERE image_id = i.id ORDER BY tag) t ON TRUE",
		),
	}
}

// render writes a statement in the words of the database.
func (d *dialect) render(statement string) string {
	if done, ok := d.rendered.Load(statement); ok {
		return done.(string)
	}
	out := d.tokens.Replace(d.chooseSides(statement))
	if d.numbered {
		out = numberArguments(out)
	}
	d.rendered.Store(statement, out)
	return out
}

func (d *dialect) chooseSides(statement string) string {
	mine, other := "{lite:", "{pg:"
	if d.numbered {
		mine, other = other, mine
	}
	statement = replaceBraced(statement, other, func(string) string { return "" })
	return replaceBraced(statement, mine, func(inner string) string { return inner })
}

// replaceBraced replaces every "<opening>inner}".
func replaceBraced(s, opening string, with func(inner string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, opening)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		inner, after, _ := strings.Cut(rest, "}")
		b.WriteString(with(inner))
		s = after
	}
}

func numberArguments(s string) string {
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(s, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString("$" + strconv.Itoa(n))
		s = after
	}
}

// stringList makes the argument of {in}. Strings that are not text are left
// out: nothing is stored under them.
func (d *dialect) stringList(list []string) any {
	kept := make([]string, 0, len(list))
	for _, s := range list {
		if isText(s) {
			kept = append(kept, s)
		}
	}
	if d.numbered {
		return kept
	}
	return toJSON(kept)
}

// intList makes the argument of {unnest}.
func (d *dialect) intList(list []int64) any {
	if d.numbered {
		return list
	}
	return toJSON(list)
}

// arguments makes strings that the database cannot hold into ones that it can
// and that no valid name equals.
func (d *dialect) arguments(args []any) []any {
	if !d.textOnly {
		return args
	}
	for i, a := range args {
		if s, ok := a.(string); ok && !isText(s) {
			args[i] = toText(s)
		}
	}
	return args
}

// isText says whether both databases can hold s as it is.
func isText(s string) bool {
	return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

// maxName bounds what is part of a key: PostgreSQL's indexes hold no more than
// some 2,700 bytes a row.
const maxName = 1024

// isName says whether s can be part of a key.
func isName(s string) bool { return len(s) <= maxName && isText(s) }

// toText replaces what a database cannot hold.
func toText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// toJSON is for values that always can be encoded.
func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sql: encoding a plain value: " + err.Error())
	}
	return string(b)
}
