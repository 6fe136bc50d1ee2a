package inspector

import (
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/internal/finding"
)

// Criteria are structures with a list of filters for each thing that can be asked.
// Which filters a list has says what is compared; its name is that on the wire. So
// none of the many names need be known here.

// criteriaFrom reads the criteria of a request, which may be nil.
func criteriaFrom(in any) finding.Criteria {
	var c finding.Criteria
	v := reflect.ValueOf(in)
	if v.IsNil() {
		return c
	}
	v = v.Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || v.Field(i).Len() == 0 {
			continue
		}
		addFilters(&c, names(v.Type(), field.Name), v.Field(i).Interface())
	}
	return c
}

func addFilters(c *finding.Criteria, name string, list any) {
	switch filters := list.(type) {
	case []types.StringFilter:
		put(&c.Texts, name, filters, func(f types.StringFilter) finding.TextFilter { return *textFilter(&f) })
	case []types.CoverageStringFilter:
		put(&c.Texts, name, filters, func(f types.CoverageStringFilter) finding.TextFilter {
			return finding.TextFilter{Comparison: finding.Comparison(f.Comparison), Value: aws.ToString(f.Value)}
		})
	case []types.ResourceStringFilter:
		put(&c.Texts, name, filters, func(f types.ResourceStringFilter) finding.TextFilter {
			return finding.TextFilter{Comparison: finding.Comparison(f.Comparison), Value: aws.ToString(f.Value)}
		})
	case []types.DateFilter:
		put(&c.Dates, name, filters, func(f types.DateFilter) finding.DateFilter {
			return finding.DateFilter{From: f.StartInclusive, To: f.EndInclusive}
		})
	case []types.CoverageDateFilter:
		put(&c.Dates, name, filters, func(f types.CoverageDateFilter) finding.DateFilter {
			return finding.DateFilter{From: f.StartInclusive, To: f.EndInclusive}
		})
	case []types.NumberFilter:
		put(&c.Numbers, name, filters, func(f types.NumberFilter) finding.NumberFilter { return *numberFilter(&f) })
	case []types.CoverageNumberFilter:
		put(&c.Numbers, name, filters, func(f types.CoverageNumberFilter) finding.NumberFilter {
			return finding.NumberFilter{Lower: float(f.LowerInclusive), Upper: float(f.UpperInclusive)}
		})
	default:
		addRareFilters(c, name, list)
	}
}

// addRareFilters reads those that few things have.
func addRareFilters(c *finding.Criteria, name string, list any) {
	switch filters := list.(type) {
	case []types.PackageFilter:
		for _, f := range filters {
			c.Packages = append(c.Packages, finding.PackageFilter{
				Name: textFilter(f.Name), Version: textFilter(f.Version), Epoch: numberFilter(f.Epoch), Release: textFilter(f.Release),
				Architecture: textFilter(f.Architecture), Layer: textFilter(f.SourceLayerHash), Path: textFilter(f.FilePath),
				LambdaLayer: textFilter(f.SourceLambdaLayerArn),
			})
		}
	case []types.MapFilter:
		put(&c.Tags, name, filters, func(f types.MapFilter) finding.TagFilter {
			return finding.TagFilter{Comparison: finding.Comparison(f.Comparison), Key: aws.ToString(f.Key), Value: f.Value}
		})
	case []types.CoverageMapFilter:
		put(&c.Tags, name, filters, func(f types.CoverageMapFilter) finding.TagFilter {
			return finding.TagFilter{Comparison: finding.Comparison(f.Comparison), Key: aws.ToString(f.Key), Value: f.Value}
		})
	case []types.ResourceMapFilter:
		put(&c.Tags, name, filters, func(f types.ResourceMapFilter) finding.TagFilter {
			return finding.TagFilter{Comparison: finding.Comparison(f.Comparison), Key: aws.ToString(f.Key), Value: f.Value}
		})
	case []types.PortRangeFilter:
		put(&c.Ports, name, filters, func(f types.PortRangeFilter) finding.PortFilter {
			return finding.PortFilter{Begin: f.BeginInclusive, End: f.EndInclusive}
		})
	}
}

func put[F, T any](to *map[string][]T, name string, filters []F, convert func(F) T) {
	if *to == nil {
		*to = map[string][]T{}
	}
	for _, f := range filters {
		(*to)[name] = append((*to)[name], convert(f))
	}
}

func float(n *int64) *float64 {
	if n == nil {
		return nil
	}
	f := float64(*n)
	return &f
}

func textFilter(f *types.StringFilter) *finding.TextFilter {
	if f == nil {
		return nil
	}
	return &finding.TextFilter{Comparison: finding.Comparison(f.Comparison), Value: aws.ToString(f.Value)}
}

func numberFilter(f *types.NumberFilter) *finding.NumberFilter {
	if f == nil {
		return nil
	}
	return &finding.NumberFilter{Lower: f.LowerInclusive, Upper: f.UpperInclusive}
}

// tellCriteria writes criteria into a structure of the SDK, as they were given.
func tellCriteria(c finding.Criteria, out any) {
	v := reflect.ValueOf(out).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		name := names(v.Type(), field.Name)
		switch to := v.Field(i).Addr().Interface().(type) {
		case *[]types.StringFilter:
			*to = told(c.Texts[name], func(f finding.TextFilter) types.StringFilter { return *tellText(&f) })
		case *[]types.ResourceStringFilter:
			*to = told(c.Texts[name], func(f finding.TextFilter) types.ResourceStringFilter {
				return types.ResourceStringFilter{Comparison: types.ResourceStringComparison(f.Comparison), Value: &f.Value}
			})
		case *[]types.DateFilter:
			*to = told(c.Dates[name], func(f finding.DateFilter) types.DateFilter {
				return types.DateFilter{StartInclusive: f.From, EndInclusive: f.To}
			})
		case *[]types.NumberFilter:
			*to = told(c.Numbers[name], func(f finding.NumberFilter) types.NumberFilter { return *tellNumber(&f) })
		case *[]types.MapFilter:
			*to = told(c.Tags[name], func(f finding.TagFilter) types.MapFilter {
				return types.MapFilter{Comparison: types.MapComparison(f.Comparison), Key: &f.Key, Value: f.Value}
			})
		case *[]types.ResourceMapFilter:
			*to = told(c.Tags[name], func(f finding.TagFilter) types.ResourceMapFilter {
				return types.ResourceMapFilter{Comparison: types.ResourceMapComparison(f.Comparison), Key: &f.Key, Value: f.Value}
			})
		case *[]types.PortRangeFilter:
			*to = told(c.Ports[name], func(f finding.PortFilter) types.PortRangeFilter {
				return types.PortRangeFilter{BeginInclusive: f.Begin, EndInclusive: f.End}
			})
		case *[]types.PackageFilter:
			*to = told(c.Packages, tellPackage)
		}
	}
}

func told[F, T any](filters []F, convert func(F) T) []T {
	var out []T
	for _, f := range filters {
		out = append(out, convert(f))
	}
	return out
}

func tellText(f *finding.TextFilter) *types.StringFilter {
	if f == nil {
		return nil
	}
	return &types.StringFilter{Comparison: types.StringComparison(f.Comparison), Value: &f.Value}
}

func tellNumber(f *finding.NumberFilter) *types.NumberFilter {
	if f == nil {
		return nil
	}
	return &types.NumberFilter{LowerInclusive: f.Lower, UpperInclusive: f.Upper}
}

func tellPackage(f finding.PackageFilter) types.PackageFilter {
	return types.PackageFilter{
		Name: tellText(f.Name), Version: tellText(f.Version), Epoch: tellNumber(f.Epoch), Release: tellText(f.Release),
		Architecture: tellText(f.Architecture), SourceLayerHash: tellText(f.Layer), FilePath: tellText(f.Path),
		SourceLambdaLayerArn: tellText(f.LambdaLayer),
	}
}

// when is nil for what never was.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
