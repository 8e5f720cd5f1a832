package telemetry

import "testing"

func checkNumbers(t *testing.T, s series) {
	t.Helper()
	for _, want := range []struct {
		name   string
		labels []string
		value  float64
	}{
		{"sluice_sessions", []string{"db_namespace", "shop"}, 1},
		{"sluice_sessions_limit", nil, 500},
		{"sluice_draining", nil, 0},
		{"sluice_audit_writable", nil, 1},
		{"sluice_logins_failed_total", []string{"reason", "password"}, 2},
		{"sluice_logins_failed_total", []string{"reason", "unknown database"}, 1},
		{"sluice_sessions_ended_total", []string{"reason", "client terminated"}, 1},
		{"sluice_decisions_total", []string{"sluice_verdict", "deny", "sluice_kind", "export_to_program", "sluice_rule", "no-programs"}, 1},
		{"sluice_decisions_total", []string{"sluice_verdict", "deny", "sluice_kind", "parse_error"}, 1},
		{"sluice_decisions_total", []string{"sluice_verdict", "allow", "sluice_kind", "ddl"}, 1},
		{"sluice_parse_failures_total", nil, 1},
		{"sluice_limits_reached_total", nil, 1},
		{"sluice_analysis_cache_hits_total", nil, 1}, // the second INSERT
		{"db_client_operation_duration_seconds_count", []string{"error_type", "23"}, 1},
		{"db_client_operation_duration_seconds_count", []string{"error_type", "_OTHER"}, 1},
		{"sluice_audit_errors_total", []string{"operation", "append"}, 0}, // there before the first
		{"sluice_credential_failures_total", []string{"operation", "issue"}, 0},
		{"sluice_policy_reloads_total", []string{"outcome", "refused"}, 0},
		{"sluice_client_rows_total", []string{"db_namespace", "shop"}, 5}, // a SELECT, three lines of COPY, an Execute
	} {
		if got := s.sum(want.name, want.labels...); got != want.value || len(s[want.name]) == 0 {
			t.Errorf("%s%v is %v, want %v", want.name, want.labels, got, want.value)
		}
	}
	for _, name := range []string{
		"sluice_gate_duration_seconds_count", "sluice_parse_duration_seconds_count", "sluice_audit_append_duration_seconds_count",
		"sluice_credential_issue_duration_seconds_count", "sluice_lease_remaining_seconds", "sluice_analysis_cache_size_bytes",
		"sluice_client_io_bytes_total", "go_goroutine_count", "process_open_fds",
	} {
		if s.sum(name) <= 0 {
			t.Errorf("%s is not above 0", name)
		}
	}
}

// checkTrail compares with the trail: every decision and every result in it
// has been counted once.
func checkTrail(t *testing.T, s *stage, all series) {
	t.Helper()
	if counted, recorded := all.sum("sluice_decisions_total"), s.records(t, "decision")+s.records(t, "repeat"); counted != float64(recorded) || recorded == 0 {
		t.Errorf("%v decisions are counted, %d recorded", counted, recorded)
	}
	if counted, recorded := all.sum("db_client_operation_duration_seconds_count"), s.records(t, "result"); counted != float64(recorded) || recorded == 0 {
		t.Errorf("%v results are counted, %d recorded", counted, recorded)
	}
	if ended := all.sum("sluice_sessions_ended_total"); ended != float64(s.records(t, "session.close")) {
		t.Errorf("%v sessions ended, %d recorded", ended, s.records(t, "session.close"))
	}
}
