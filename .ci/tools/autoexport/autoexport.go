// Package autoexport takes the place of a module that compiles every exporter of OpenTelemetry. No trace is exported.
package autoexport

import (
	"context"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// NewSpanExporter returns an exporter that drops everything.
func NewSpanExporter(context.Context) (trace.SpanExporter, error) {
	return tracetest.NewNoopExporter(), nil
}
