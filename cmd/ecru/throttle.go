package main

import (
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"

	"github.com/ecru-registry/ecru/internal/service"
)

// throttleRates reads --throttle: the rate of each IAM action, later ones over
// earlier ones. A name without a service is one of ECR's.
func throttleRates(settings []string) (map[string]float64, error) {
	rates := map[string]float64{}
	for _, one := range settings {
		if one == "ecr" {
			maps.Copy(rates, service.ECRRates())
			continue
		}
		name, text, ok := strings.Cut(one, "=")
		rate, err := strconv.ParseFloat(text, 64)
		if !ok || name == "" || err != nil || !(rate > 0) || math.IsInf(rate, 0) {
			return nil, fmt.Errorf("--throttle: %q is neither ecr nor NAME=RATE with a rate above 0", one)
		}
		if !strings.Contains(name, ":") {
			name = "ecr:" + name
		}
		rates[name] = rate
	}
	return rates, nil
}
