package sql

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
)

const (
	qComponentsToJudge = `SELECT id, judged FROM components WHERE id {in} ORDER BY id{pg: FOR NO KEY UPDATE}`
	qNoteJudged        = `UPDATE components SET judged = {lite:1}{pg:TRUE} WHERE id {in}`
	qProblemPrints     = `SELECT component_id, vulnerability, print, modified FROM problems WHERE component_id {in} ORDER BY component_id, vulnerability, place`

	qRemoveProblems = `DELETE FROM problems WHERE {lite:component_id = ? AND vulnerability = ?}{pg:(component_id, vulnerability) IN (SELECT * FROM unnest(?::bigint[], ?::text[]))}`
	qInsertProblems = `INSERT INTO problems (component_id, vulnerability, place, print, modified, body)
		{lite:VALUES (?, ?, ?, ?, ?, ?)}{pg:SELECT * FROM unnest(?::bigint[], ?::text[], ?::smallint[], ?::bigint[], ?::bigint[], ?::bytea[])}`
	qRemoveChanges = `DELETE FROM problem_changes WHERE {lite:component_id = ? AND vulnerability = ?}{pg:(component_id, vulnerability) IN (SELECT * FROM unnest(?::bigint[], ?::text[]))}`
	qInsertChanges = `INSERT INTO problem_changes (component_id, vulnerability, done) {lite:VALUES (?, ?, 0)}{pg:SELECT c, v, 0 FROM unnest(?::bigint[], ?::text[]) AS n(c, v)}`

	qProblemChanges = `SELECT seq, component_id, vulnerability, done FROM problem_changes ORDER BY seq LIMIT ?`
	qSettleChange   = `UPDATE problem_changes SET done = ? WHERE seq = ?`
	qFinishChanges  = `DELETE FROM problem_changes WHERE seq {in}`
)

// problemOf names the problems of a component and a vulnerability.
type problemOf struct {
	component     int64
	vulnerability string
}

// problemPrint tells problems apart without their bodies.
type problemPrint struct{ sum, modified int64 }

// packedProblem is a problem as it is stored.
type packedProblem struct {
	problemPrint
	body []byte
}

// maxVulnerability bounds the ids of vulnerabilities, which are keys.
const maxVulnerability = 255

func isVulnerability(id string) bool { return id != "" && len(id) <= maxVulnerability && isText(id) }

// PutProblems is part of meta.Components. A problem whose id cannot be one is
// left out.
func (s *Store) PutProblems(ctx context.Context, all []meta.ComponentProblems) (int, error) {
	wanted := make(map[int64]*judgement, len(all))
	for _, c := range all {
		wanted[c.Component] = &judgement{ifUnjudged: c.IfUnjudged, problems: s.packProblems(c.Problems)}
	}
	queued := 0
	err := s.write(ctx, func(t *tx) error {
		j := judging{t: t}
		err := j.run(wanted)
		queued = len(j.changed)
		return err
	})
	if err != nil {
		return 0, err
	}
	return queued, nil
}

// judgement is what PutProblems has to store of a component.
type judgement struct {
	ifUnjudged bool
	problems   map[string][]packedProblem
}

// packProblems orders what is of one vulnerability by print.
func (s *Store) packProblems(problems []finding.Problem) map[string][]packedProblem {
	all := make(map[string][]packedProblem, len(problems))
	for _, p := range problems {
		if isVulnerability(p.VulnerabilityID) {
			all[p.VulnerabilityID] = append(all[p.VulnerabilityID], s.packProblem(p))
		}
	}
	for _, list := range all {
		slices.SortStableFunc(list, func(a, b packedProblem) int { return cmp.Compare(a.sum, b.sum) })
	}
	return all
}

func (s *Store) packProblem(p finding.Problem) packedProblem {
	whole := toJSON(p)
	modified := micros(p.Modified)
	p.Modified = time.Time{}
	hash := sha256.Sum256([]byte(toJSON(p)))
	sum := int64(binary.LittleEndian.Uint64(hash[:]))
	return packedProblem{problemPrint{sum, modified}, s.packer.pack(whole)}
}

// judging is one PutProblems in its transaction.
type judging struct {
	t *tx
	// Problems that are replaced, those that replace them, and which of those
	// are others than before.
	replaced, changed []problemOf
	fresh             []freshProblem
}

type freshProblem struct {
	problemOf
	place int16
	packedProblem
}

func (j *judging) run(wanted map[int64]*judgement) error {
	judged, err := j.hold(wanted)
	if err != nil {
		return err
	}
	var todo, first []int64
	for id, was := range judged {
		if !was {
			first = append(first, id)
		} else if wanted[id].ifUnjudged {
			continue
		}
		todo = append(todo, id)
	}
	if len(todo) == 0 {
		return nil
	}
	todo = sortedIDs(todo)
	before, err := j.prints(todo)
	if err != nil {
		return err
	}
	for _, id := range todo {
		j.compare(id, judged[id], before[id], wanted[id].problems)
	}
	return j.store(sortedIDs(first))
}

// hold keeps others from judging components, and answers those that are there
// and whether they were judged.
func (j *judging) hold(wanted map[int64]*judgement) (map[int64]bool, error) {
	ids := make([]int64, 0, len(wanted))
	for id := range wanted {
		ids = append(ids, id)
	}
	judged := make(map[int64]bool, len(ids))
	err := each(j.t.ctx, j.t, func(rows *sql.Rows) error {
		var id int64
		var was bool
		err := rows.Scan(&id, &was)
		judged[id] = was
		return err
	}, qComponentsToJudge, j.t.d.intList(sortedIDs(ids)))
	return judged, err
}

func (j *judging) prints(ids []int64) (map[int64]map[string][]problemPrint, error) {
	all := map[int64]map[string][]problemPrint{}
	err := each(j.t.ctx, j.t, func(rows *sql.Rows) error {
		var of problemOf
		var p problemPrint
		if err := rows.Scan(&of.component, &of.vulnerability, &p.sum, &p.modified); err != nil {
			return err
		}
		if all[of.component] == nil {
			all[of.component] = map[string][]problemPrint{}
		}
		all[of.component][of.vulnerability] = append(all[of.component][of.vulnerability], p)
		return nil
	}, qProblemPrints, j.t.d.intList(ids))
	return all, err
}

// compare notes what is to be done about a component.
func (j *judging) compare(component int64, judged bool, before map[string][]problemPrint, now map[string][]packedProblem) {
	for _, v := range sortedKeys(before) {
		if _, still := now[v]; !still {
			j.replace(problemOf{component, v}, nil, true, judged)
		}
	}
	for _, v := range sortedKeys(now) {
		of, was := problemOf{component, v}, before[v]
		same, sameRows := samePrints(was, now[v])
		if !sameRows {
			j.replace(of, now[v], len(was) > 0, judged && !same)
		}
	}
}

// samePrints says whether problems say the same, and whether they are the same
// even in when they were modified.
func samePrints(was []problemPrint, now []packedProblem) (same, sameRows bool) {
	if len(was) != len(now) {
		return false, false
	}
	sameRows = true
	for n := range was {
		if was[n].sum != now[n].sum {
			return false, false
		}
		sameRows = sameRows && was[n].modified == now[n].modified
	}
	return true, sameRows
}

func (j *judging) replace(of problemOf, now []packedProblem, there, changed bool) {
	if there {
		j.replaced = append(j.replaced, of)
	}
	for n, p := range now {
		j.fresh = append(j.fresh, freshProblem{of, int16(min(n, 1<<15-1)), p})
	}
	if changed {
		j.changed = append(j.changed, of)
	}
}

func (j *judging) store(first []int64) error {
	if len(first) > 0 {
		if _, err := j.t.exec(qNoteJudged, j.t.d.intList(first)); err != nil {
			return err
		}
	}
	steps := []struct {
		statement string
		of        []problemOf
	}{{qRemoveProblems, j.replaced}, {qRemoveChanges, j.changed}, {qInsertChanges, j.changed}}
	for _, step := range steps {
		if err := forProblems(j.t, step.statement, step.of); err != nil {
			return err
		}
	}
	return j.insert()
}

// forProblems runs a statement for all: on PostgreSQL at once.
func forProblems(t *tx, statement string, all []problemOf) error {
	if len(all) == 0 {
		return nil
	}
	if t.d.numbered {
		components, vulnerabilities := make([]int64, len(all)), make([]string, len(all))
		for n, of := range all {
			components[n], vulnerabilities[n] = of.component, of.vulnerability
		}
		_, err := t.exec(statement, components, vulnerabilities)
		return err
	}
	for _, of := range all {
		if _, err := t.exec(statement, of.component, of.vulnerability); err != nil {
			return err
		}
	}
	return nil
}

func (j *judging) insert() error {
	if len(j.fresh) == 0 {
		return nil
	}
	if !j.t.d.numbered {
		for _, p := range j.fresh {
			if _, err := j.t.exec(qInsertProblems, p.component, p.vulnerability, p.place, p.sum, p.modified, p.body); err != nil {
				return err
			}
		}
		return nil
	}
	n := len(j.fresh)
	components, vulnerabilities, places := make([]int64, n), make([]string, n), make([]int16, n)
	prints, modified, bodies := make([]int64, n), make([]int64, n), make([][]byte, n)
	for n, p := range j.fresh {
		components[n], vulnerabilities[n], places[n] = p.component, p.vulnerability, p.place
		prints[n], modified[n], bodies[n] = p.sum, p.modified, p.body
	}
	_, err := j.t.exec(qInsertProblems, components, vulnerabilities, places, prints, modified, bodies)
	return err
}

// ProblemChanges is part of meta.Components.
func (s *Store) ProblemChanges(ctx context.Context, limit int) ([]meta.ProblemChange, error) {
	var all []meta.ProblemChange
	err := each(ctx, s.read, func(rows *sql.Rows) error {
		var c meta.ProblemChange
		err := rows.Scan(&c.Seq, &c.Component, &c.VulnerabilityID, &c.Done)
		all = append(all, c)
		return err
	}, qProblemChanges, max(limit, 0))
	return all, err
}

// SettleProblemChanges is part of meta.Components.
func (s *Store) SettleProblemChanges(ctx context.Context, all []meta.ProblemChange) error {
	if len(all) == 0 {
		return ctx.Err()
	}
	done := map[int64]int64{}
	var finished, begun []int64
	for _, c := range all {
		if c.Done < 0 {
			finished = append(finished, c.Seq)
		} else {
			begun, done[c.Seq] = append(begun, c.Seq), c.Done
		}
	}
	return s.write(ctx, func(t *tx) error {
		for _, seq := range sortedIDs(begun) {
			if _, err := t.exec(qSettleChange, done[seq], seq); err != nil {
				return err
			}
		}
		if len(finished) == 0 {
			return nil
		}
		_, err := t.exec(qFinishChanges, t.d.intList(sortedIDs(finished)))
		return err
	})
}
