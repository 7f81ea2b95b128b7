module go.opentelemetry.io/contrib/exporters/autoexport

go 1.25.0

require go.opentelemetry.io/otel/sdk v1.43.0
