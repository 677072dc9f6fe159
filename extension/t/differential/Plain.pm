# Plain.pm
#     A specification the slow way: every bucket beside every group, LEFT JOINed
#     to what the rows in both add up to, and window functions for what fills a
#     gap.
package Plain;

use strict;
use warnings;
use Exporter qw(import);
use Tables qw(ident literal);
use Spec ();
use Ours qw(compared);
our @EXPORT_OK = qw(plain);

# of(measure, i) -- its value and how many values it is of, from rows r.
sub of
{
	my ($m, $i) = @_;
	my $n = $m->{fn} eq 'count' ? 'count(r.at)' : "count(r.m$i)";
	my $value = $m->{fn} =~ /^count/ ? $n : "$m->{fn}(r.m$i)";
	return "$value AS v$i, $n AS n$i";
}

# from(spec) -- the first instant whose rows are in the cell of bucket s.
sub from
{
	my ($s) = @_;
	return $s->{lower} if $s->{shape} eq 'cumulate';
	return "(SELECT min(w.b) FROM s w WHERE w.n > s.n - $s->{width})" if $s->{shape} eq 'moving' && $s->{moving} eq 'merge';
	return 's.b';
}

sub is_srf { return $_[0]{shape} =~ /^(wide|long)$/ }
sub is_local { my ($s) = @_; return is_srf($s) && $s->{table}{axis_type} ne 'timestamptz' }

# shown(spec, edge) -- a boundary as it is shown.
sub shown
{
	my ($s, $edge) = @_;
	return is_local($s) ? "plain.instant($edge AT TIME ZONE 'UTC', " . literal(Spec::axis_zone($s)) . ')' : $edge;
}

# cells(spec) -- WITH r rows, s spine, g groups, a what fell, c cells.
sub cells
{
	my ($s) = @_;
	my $t = $s->{table};
	my $zone = literal(Spec::axis_zone($s));
	my $shown = ident($t->{axis});
	my $at = $t->{axis_type} eq 'timestamptz' ? $shown : "plain.instant($shown\::timestamp, $zone)";
	my @m = @{ $s->{measures} };
	my @k = map { "k$_->{n}" } @{ $s->{keys} };
	my $origin = $s->{origin} ? "timestamptz '$s->{origin}'" : 'NULL';
	my ($lower, $upper) = map { "($_)" } @{$s}{qw(lower upper)};
	my $srf = is_srf($s);
	my $spine_zone = $zone;

	# over a column without a zone the buckets of tally.series() are of what the
	# clock shows: all is done as if that were UTC
	if (is_local($s))
	{
		($lower, $upper) = map { "($_ AT TIME ZONE $zone AT TIME ZONE 'UTC')" } $lower, $upper;
		# a midnight that was skipped is the time to which the clock was put
		$origin = "plain.instant(date_trunc('day', ($s->{lower}) AT TIME ZONE $zone), $zone)"
			if !$s->{origin} && $s->{every} =~ /hour|min| s$/ && $s->{every} ne '7 min';
		$origin = "($origin AT TIME ZONE $zone AT TIME ZONE 'UTC')" if $origin ne 'NULL';
		$at = "$shown\::timestamp AT TIME ZONE 'UTC'";
		$spine_zone = "'UTC'";
	}
	my $cut = $srf || $s->{cut} ? "WHERE at >= $lower AND at < $upper" : '';

	# grid @> local time compares it with what the clock shows at both ends
	$cut = "WHERE shown >= $lower AT TIME ZONE $zone AND shown < $upper AT TIME ZONE $zone"
		if $cut && !$srf && $t->{axis_type} ne 'timestamptz';
	my @columns = ("$at AS at", "$shown AS shown", (map { ident($_->{column}) . " AS k$_->{n}" } @{ $s->{keys} }),
		map { $m[ $_ - 1 ]{column} ? ident($m[ $_ - 1 ]{column}) . " AS m$_" : () } 1 .. @m);
	my $number = @k ? 'dense_rank() OVER (ORDER BY ' . join(', ', @k) . ')' : '1';
	my $groups = @k ? 'SELECT DISTINCT ON (g) g, ' . join(', ', @k) . ' FROM r' : 'SELECT 1 AS g';
	# an aggregate of no row at all is null and has no series
	$groups .= ' WHERE EXISTS (SELECT FROM r)' if !@k && !$srf;
	my $from = from($s);
	my @values = map { my $v = $m[ $_ - 1 ]{fn} =~ /^count/ ? "coalesce(a.v$_, 0)" : "a.v$_"; "$v AS v$_, coalesce(a.n$_, 0) AS n$_" } 1 .. @m;

	return "WITH r AS MATERIALIZED (SELECT *, $number AS g FROM (SELECT " . join(', ', @columns) . " FROM $t->{name}) r $cut), "
		. "s AS MATERIALIZED (SELECT * FROM plain.spine('$s->{every}', $lower, $upper, $spine_zone, $origin, $s->{week_start})), "
		. "g AS ($groups), "
		. 'a AS (SELECT s.n, r.g, ' . join(', ', map { of($m[ $_ - 1 ], $_) } 1 .. @m)
		. " FROM r JOIN s ON r.at >= $from AND r.at < s.e AND r.at >= $lower AND r.at < $upper GROUP BY 1, 2), "
		. 'c AS MATERIALIZED (SELECT ' . join(', ', 's.*', 'g.*', @values) . ' FROM s CROSS JOIN g LEFT JOIN a USING (n, g)) ';
}

# filled(spec, i, fill, gap, seed) -- of measure i the shown value as float8,
# whether it fills a gap, and the tables both are of: what fill.h says.
sub filled
{
	my ($s, $i, $fill, $gap, $seed) = @_;
	my $zone = literal(Spec::axis_zone($s));
	my $nothing = $s->{measures}[ $i - 1 ]{fn} =~ /^count/ ? '0::float8' : 'NULL::float8';
	my $reach = sub { my ($a, $b) = @_; return defined $gap ? "plain.moved($a, '$gap', $zone) >= $b" : "$a <= $b" };
	my ($from, $empty) = ('c', $nothing);

	if (defined $fill && $fill =~ /previous|next|linear/)
	{
		$from = "(SELECT c.*, max(CASE WHEN n$i > 0 THEN n END) OVER (PARTITION BY g ORDER BY n) AS before,"
			. " min(CASE WHEN n$i > 0 THEN n END) OVER (PARTITION BY g ORDER BY n DESC) AS after FROM c) c"
			. ' LEFT JOIN c p ON p.g = c.g AND p.n = c.before LEFT JOIN c q ON q.g = c.g AND q.n = c.after';
		my ($p, $q) = ("p.v$i\::float8", "q.v$i\::float8");
		$empty = $fill eq 'previous' ? 'CASE WHEN ' . $reach->('p.b', 'c.b') . " THEN $p"
			. (defined $seed ? " WHEN p.b IS NULL AND " . $reach->("($s->{lower})", 'greatest(c.b, ' . "($s->{lower}))") . " THEN $seed" : '') . " ELSE $nothing END"
			: $fill eq 'next' ? 'CASE WHEN ' . $reach->('c.b', 'q.b') . " THEN $q ELSE $nothing END"
			: 'CASE WHEN ' . $reach->('p.b', 'q.b')
			. " THEN $p + ($q - $p) * (extract(epoch FROM c.b - p.b) / extract(epoch FROM q.b - p.b))::float8 ELSE $nothing END";
	}
	elsif (defined $fill)
	{
		$empty = $fill eq 'zero' ? '0' : $fill;
	}
	my $shown = "CASE WHEN c.n$i > 0 THEN c.v$i\::float8 ELSE $empty END";
	return ($shown, "c.n$i = 0 AND ($shown) IS NOT NULL", $from);
}

# windowed(spec) -- the same of a cell that is made of several buckets.
sub windowed
{
	my ($s) = @_;
	# whether its own bucket is empty, told by the rows of that bucket alone
	my $own = "SELECT FROM r WHERE r.g = c.g AND r.at >= c.b AND r.at < c.e AND r.at >= ($s->{lower}) AND r.at < ($s->{upper})"
		. ($s->{measures}[0]{column} ? ' AND r.m1 IS NOT NULL' : '');
	my ($value, $n) = ('c.v1::float8', 'c.n1');
	if ($s->{shape} eq 'moving' && $s->{moving} ne 'merge')
	{
		my $over = 'OVER (PARTITION BY c.g ORDER BY c.n ROWS ' . ($s->{width} - 1) . ' PRECEDING)';
		($value, $n) = ("$s->{moving}(c.v1::float8) $over", "sum(c.n1) $over");
	}
	return ($value, "NOT EXISTS ($own) AND ($value) IS NOT NULL", $n);
}

sub key { my ($k) = @_; return $k->{type} eq 'numeric' ? "trim_scale(c.k$k->{n})" : "c.k$k->{n}" }

sub two_step
{
	my ($s) = @_;
	my $shape = $s->{shape};
	my $cells = cells($s);
	my ($value, $is_filled, $from) = filled($s, 1, @{$s}{qw(fill max_gap seed)});
	my ($n, $b, $e) = ('c.n1', 'c.b', 'c.e');
	my @names = map { key($_) } @{ $s->{keys} };
	my $zone = literal(Spec::axis_zone($s));

	if ($shape eq 'values')
	{
		return $cells . 'SELECT ROW(' . join(', ', @names) . ")::text AS k, '{}' AS x, array_agg($value ORDER BY c.n) AS y FROM c GROUP BY "
			. join(', ', 'c.g', map { "c.k$_->{n}" } @{ $s->{keys} });
	}
	if ($shape eq 'rate')
	{
		$value = "($value) * extract(epoch FROM interval '$s->{per}')::float8"
			. " / extract(epoch FROM least(c.e, $s->{upper}) - greatest(c.b, $s->{lower}))::float8";
	}
	($b, $e) = map { "plain.moved($_, '$s->{by}', $zone)" } $b, $e if $shape eq 'shift';
	($value, $is_filled, $n) = windowed($s) if $shape =~ /moving|cumulate/;
	return $cells . 'SELECT ROW(' . join(', ', $b, @names) . ")::text AS k,"
		. " ARRAY[($e)::text, ($n)::text, ($is_filled)::text, c.partial::text] AS x, ARRAY[$value] AS y FROM $from";
}

sub wide
{
	my ($s) = @_;
	my ($x, $y) = compared($s->{measures}, map { "c.v$_" } 1 .. @{ $s->{measures} });
	return cells($s) . 'SELECT ROW(' . join(', ', is_local($s) ? "c.b AT TIME ZONE 'UTC'" : 'c.b', map { key($_) } @{ $s->{keys} }) . ")::text AS k, $x AS x, $y AS y FROM c";
}

sub long
{
	my ($s) = @_;
	my $keys = 'jsonb_build_object(' . join(', ', map { literal($_->{column}) . ', ' . key($_) } @{ $s->{keys} }) . ')';
	return cells($s) . join ' UNION ALL ', map {
		my ($value, $is_filled, $from) = filled($s, $_);
		"SELECT ROW(" . shown($s, 'c.b') . ', ' . shown($s, 'c.e') . ", $keys, " . literal($s->{measures}[ $_ - 1 ]{grammar}) . ")::text AS k,"
			. " ARRAY[c.partial::text] AS x, ARRAY[$value] AS y FROM $from"
	} 1 .. @{ $s->{measures} };
}

sub plain
{
	my ($s) = @_;
	return $s->{shape} eq 'wide' ? wide($s) : $s->{shape} eq 'long' ? long($s) : two_step($s);
}

1;
