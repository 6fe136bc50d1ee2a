package pattern

// members says whether the fields at and below b match where an object has
// several members of that name. Each field may have its value in another one,
// and is absent if no member has it.
func (m *matcher) members(b *branching, all []position) bool {
	s := split{matcher: m, b: b, all: all}
	for _, i := range b.fields {
		if m.modes[i] != elsewhere {
			s.fields = append(s.fields, i)
			s.was = append(s.was, m.modes[i])
		}
	}
	s.owner = make([]int, len(s.fields))
	m.moded = true
	s.set(func(int) mode { return elsewhere })
	s.choices = make([][]int, len(s.fields))
	ok := true
	for k := range s.fields {
		s.choices[k] = s.choicesOf(k)
		ok = ok && len(s.choices[k]) > 0
	}
	ok = ok && s.try(0)
	s.set(func(k int) mode { return s.was[k] })
	return ok
}

// split is an attempt to give each field to a member.
type split struct {
	*matcher
	b       *branching
	all     []position
	fields  []int
	was     []mode
	choices [][]int // members by field
	owner   []int   // the member of a field
}

// nobody owns a field that is absent.
const nobody = -1

func (s *split) set(to func(k int) mode) {
	for k, i := range s.fields {
		s.modes[i] = to(k)
	}
}

// choicesOf answers the members in which a field alone would match.
func (s *split) choicesOf(k int) []int {
	var choices []int
	i := s.fields[k]
	if s.was[k] != missing {
		s.modes[i] = found
		for member, at := range s.all {
			if s.match(s.b, at) {
				choices = append(choices, member)
			}
		}
		s.modes[i] = elsewhere
	}
	if s.was[k] != found && s.matcher.fields[i].absent {
		choices = append(choices, nobody)
	}
	return choices
}

func (s *split) try(k int) bool {
	if k == len(s.fields) {
		return s.fits()
	}
	for _, member := range s.choices[k] {
		s.owner[k] = member
		if s.steps >= 0 && s.try(k+1) {
			return true
		}
	}
	return false
}

// fits says whether each member has the fields that it owns.
func (s *split) fits() bool {
	for member, at := range s.all {
		s.set(func(k int) mode {
			switch s.owner[k] {
			case member:
				return found
			case nobody:
				return missing
			default:
				return elsewhere
			}
		})
		if !s.match(s.b, at) {
			return false
		}
	}
	return true
}
