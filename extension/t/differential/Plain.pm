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
use Ours qw(compared is_float name_of shown_measures);
our @EXPORT_OK = qw(plain);

# of(measure, i) -- its value and how many values it is of, from rows r.
sub of
{
	my ($m, $i) = @_;
	my $n = $m->{fn} eq 'count' ? 'count(r.at)' : "count(r.m$i)";
	my $first = sub { "(array_agg(r.m$i ORDER BY r.at $_[0], r.m$i) FILTER (WHERE r.m$i IS NOT NULL))[1]" };
	return sketch($m, $i) . ", $n AS n$i" if $m->{sketch};
	my $value = $m->{fn} =~ /^count/ ? $n
		: $m->{fn} eq 'first' ? $first->('')
		: $m->{fn} eq 'last' ? $first->('DESC')
		: $m->{fn} eq 'median' ? "percentile_cont(0.5) WITHIN GROUP (ORDER BY r.m$i\::float8)"
		: $m->{fn} eq 'percentile' ? "percentile_cont($m->{number}) WITHIN GROUP (ORDER BY r.m$i\::float8)"
		: $m->{fn} eq 'distinct' ? "count(DISTINCT r.m$i)"
		: $m->{fn} eq 'values' ? "array_agg(DISTINCT r.m$i ORDER BY r.m$i) FILTER (WHERE r.m$i IS NOT NULL)"
		: $m->{fn} eq 'stats' ? "avg(r.m$i)" : "$m->{fn}(r.m$i)";
	return "$value AS v$i, $n AS n$i";
}

# sketch(measure, i) -- a value that is nearly right, and t, how far off it may
# be.  A HyperLogLog is off by 1.04 / sqrt(2^bits) mostly, and seldom by six
# times that; a t-digest's value stands some ranks from the right one at most:
# as many as two of its clusters may have in the middle (0.6 ln n * n / 4 a unit
# of compression), and one.
sub sketch
{
	my ($m, $i) = @_;
	if ($m->{fn} eq 'distinct')
	{
		my $n = "count(DISTINCT r.m$i)";
		return "$n AS v$i, 2 + 6 * 1.04 / sqrt(2 ^ $m->{sketch}) * $n AS t$i";
	}
	my $p = $m->{number} // 0.5;
	my $rank = sub {
		my ($by) = @_;
		return "(array_agg(r.m$i ORDER BY r.m$i) FILTER (WHERE r.m$i IS NOT NULL))"
			. "[least(greatest(floor($p * (count(r.m$i) - 1)) + 1 + $by * (1 + ceil(0.3 * ln(greatest(count(r.m$i), 3)::float8) / $m->{sketch} * count(r.m$i)))"
			. ($by > 0 ? ' + 1' : '') . ", 1), count(r.m$i))::int]::float8";
	};
	my ($low, $high) = ($rank->(-1), $rank->(1));
	return "($low + $high) / 2 AS v$i, ($high - $low) / 2 AS t$i";
}

# is_count(measure) -- of nothing it is 0.
sub is_count { return $_[0]{fn} =~ /^(count|count_of|distinct)$/ }

# column(key or measure) -- what of a row it is of.
sub column
{
	my ($c) = @_;
	return ident($c->{column}) if !$c->{path};
	my ($document, $path) = (ident($c->{path}[1]), literal($c->{path}[2]));
	return "$document #>> $path" if !$c->{of} || $c->{of} eq 'text';
	return "CASE WHEN jsonb_typeof($document\::jsonb #> $path) = 'number' THEN ($document #>> $path)::numeric END";
}

# from(spec) -- the first instant whose rows are in the cell of bucket s.
sub from
{
	my ($s) = @_;
	return $s->{lower} if $s->{shape} eq 'cumulate';
	return "(SELECT min(w.b) FROM s w WHERE w.n > s.n - $s->{width})" if $s->{shape} eq 'moving' && $s->{moving} eq 'merge';
	return 's.b';
}

sub is_srf { return $_[0]{shape} =~ /^(wide|long|json)$/ }
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
	my $earlier = $s->{compare} ? earlier($s, $lower, $upper, $spine_zone, $origin) : undef;
	my $range = "at >= $lower AND at < $upper";
	my $cut = $srf || $s->{cut} ? "WHERE ($range" . ($earlier ? " OR at >= $earlier->{lower} AND at < $earlier->{upper})" : ')') : '';

	# grid @> local time compares it with what the clock shows at both ends
	$cut = "WHERE shown >= $lower AT TIME ZONE $zone AND shown < $upper AT TIME ZONE $zone"
		if $cut && !$srf && $t->{axis_type} ne 'timestamptz';
	my @columns = ("$at AS at", "$shown AS shown", (map { column($_) . " AS k$_->{n}" } @{ $s->{keys} }),
		map { $m[ $_ - 1 ]{fn} eq 'count' ? () : column($m[ $_ - 1 ]) . " AS m$_" } 1 .. @m);
	my $where = $s->{filters} ? ' WHERE ' . join(' AND ', map { "($_->[1])" } @{ $s->{filters} }) : '';
	my $number = @k ? 'dense_rank() OVER (ORDER BY rest, ' . join(', ', @k) . ')' : '1';
	my $groups = @k ? 'SELECT DISTINCT ON (g) g, rest, ' . join(', ', @k) . ' FROM r' : 'SELECT 1 AS g, false AS rest';
	my $all = 'SELECT ' . join(', ', @columns) . " FROM $t->{name}$where";
	my ($with, $rows, $members) = shown_groups($s, $all, $range);

	# an aggregate of no row at all is null and has no series
	$groups .= ' WHERE EXISTS (SELECT FROM r)' if !@k && !$srf;
	my $from = from($s);
	my @values = map { value_of($m[ $_ - 1 ], $_) } 1 .. @m;
	my $fell = 'SELECT s.n, r.g, ' . join(', ', map { of($m[ $_ - 1 ], $_) } 1 .. @m);

	return "WITH $with"
		. "r AS MATERIALIZED (SELECT *, $number AS g FROM (SELECT * FROM ($rows) r $cut$members) r), "
		. "s AS MATERIALIZED (SELECT * FROM plain.spine('$s->{every}', $lower, $upper, $spine_zone, $origin, $s->{week_start})), "
		. "g AS ($groups), "
		. "a AS ($fell FROM r JOIN s ON r.at >= $from AND r.at < s.e AND r.at >= $lower AND r.at < $upper GROUP BY 1, 2), "
		. ($s->{look_back} ? seeds($s, $rows, $lower, $spine_zone, $origin) : '')
		. ($earlier ? $earlier->{with} . "a2 AS ($fell FROM r JOIN s2 s ON r.at >= s.b AND r.at < s.e AND r.at >= $earlier->{lower} AND r.at < $earlier->{upper} GROUP BY 1, 2), "
			. 'c2 AS MATERIALIZED (SELECT ' . join(', ', 's.*', 'g.*', @values) . ' FROM s2 s CROSS JOIN g LEFT JOIN a2 a USING (n, g)), '
			. beside($s) : '')
		. 'c AS MATERIALIZED (SELECT ' . join(', ', 's.*', 'g.*', @values, $earlier ? map { "e.v$_ AS w$_, e.n$_ AS o$_" . (is_near($m[ $_ - 1 ]) ? ", e.t$_ AS u$_" : '') } 1 .. @m : ())
		. ' FROM s CROSS JOIN g LEFT JOIN a USING (n, g)' . ($earlier ? ' LEFT JOIN e USING (n, g)' : '') . ') ';
}

# shown_groups(spec, rows, range) -- WITH what tells which groups are shown; the
# rows, those of groups that are not shown as one or left out; and as an arm of
# a UNION those groups that are there without a row: a row without a time is one
# of no bucket.
sub shown_groups
{
	my ($s, $all, $range) = @_;
	my @m = @{ $s->{measures} };
	my @k = map { "k$_->{n}" } @{ $s->{keys} };
	my $k = join ', ', @k;
	my $nothing = join '', map { $m[ $_ - 1 ]{fn} eq 'count' ? () : ", NULL::$m[$_-1]{of} AS m$_" } 1 .. @m;
	my $is_in = sub { return "EXISTS (SELECT FROM $_[0] x WHERE ROW(" . join(', ', map { "x.$_" } @k) . ') IS NOT DISTINCT FROM ROW(' . join(', ', map { "r.$_" } @k) . ')' . ($_[1] // '') . ')' };
	my @members;
	push @members, 'SELECT ' . join(', ', map { column($_) . " AS k$_->{n}" } @{ $s->{keys} }) . " FROM $s->{table}{name} WHERE i4 > 0" if $s->{members_query};
	push @members, map { my $m = $_; 'SELECT ' . join(', ', map { member_value($m->[ $_ - 1 ], $s->{keys}[ $_ - 1 ]{type}) . " AS k$_" } 1 .. @k) } @{ $s->{members} } if $s->{members};
	push @members, "SELECT $k FROM raw" if ($s->{groups} // '') eq 'ever';
	my $is_listed = ($s->{groups} // '') eq 'listed';
	return ('', "SELECT *, false AS rest FROM ($all) q", '') if !@members && !$s->{top};

	my $with = "raw AS MATERIALIZED ($all), ";
	$with .= "listed AS MATERIALIZED (" . join(' UNION ', @members) . "), " if @members;
	my $chosen = $is_listed ? $is_in->('listed') : 'true';
	if ($s->{top})
	{
		my $by = $s->{top_by} + 1;
		my $ranked = 'SELECT * FROM raw r WHERE ' . $range . ($is_listed ? " AND $chosen" : '');
		$ranked .= " UNION ALL SELECT NULL, NULL, $k$nothing FROM listed" if @members;
		$with .= "ranked AS MATERIALIZED (SELECT $k, rank() OVER (ORDER BY v$by DESC NULLS LAST, $k) AS place FROM (SELECT $k, "
			. of($m[ $by - 1 ], $by) . " FROM ($ranked) r GROUP BY $k) q), ";
		$chosen = $is_in->('ranked', " AND x.place <= $s->{top}");
	}
	# what is no text has no place for the name of the rest
	my $shown = join ', ', map { "CASE WHEN $chosen THEN r.k$_->{n} ELSE " . ($_->{type} eq 'text' && defined $s->{other} ? literal($s->{other}) : 'NULL') . " END AS k$_->{n}" } @{ $s->{keys} };
	my $mapped = sub {
		my ($rows) = @_;
		return 'SELECT r.at, r.shown, ' . join(', ', $shown, map { $m[ $_ - 1 ]{fn} eq 'count' ? () : "r.m$_" } 1 .. @m)
			. ", NOT ($chosen) AS rest FROM ($rows) r" . ($s->{other} ? '' : " WHERE $chosen");
	};
	return ($with, $mapped->('SELECT * FROM raw'),
		@members ? ' UNION ALL ' . $mapped->("SELECT NULL::timestamptz AS at, NULL::$s->{table}{axis_type} AS shown, $k$nothing FROM listed") : '');
}

# member_value(value, type) -- from JSON.
sub member_value
{
	my ($v, $type) = @_;
	return ($v eq 'null' ? 'NULL' : $v =~ /^"(.*)"$/ ? literal($1) : $v) . "::$type";
}

# value_of(measure, i) -- in a cell, where nothing may have fallen.
sub value_of
{
	my ($m, $i) = @_;
	my $v = is_count($m) ? "coalesce(a.v$i, 0)" : "a.v$i";
	return "$v AS v$i, coalesce(a.n$i, 0) AS n$i" . ($m->{sketch} ? ", a.t$i" : '');
}

# earlier(spec, lower, upper, zone, origin) -- the period of "compare": its ends,
# and WITH s2 its buckets, p which of them is beside which bucket of the range.
sub earlier
{
	my ($s, $lower, $upper, $zone, $origin) = @_;
	my $back = sub { return "plain.moved($_[0], -interval '$s->{compare}', $zone)" };
	my %e = (lower => $back->($lower), upper => $back->($upper));

	# steps of time are counted from the first bucket, moved; others from the
	# origin, which is that of plain.spine() when none is given
	my $from = $s->{every} =~ /hour|min| s$/ ? '(SELECT min(b) FROM s)'
		: $origin ne 'NULL' ? $origin
		: 'plain.instant(' . ($s->{every} =~ /mon|year/ ? "timestamp '2000-01-01'"
			: $s->{every} =~ /week/ ? "timestamp '2000-01-03' + ($s->{week_start} - 1) * interval '1 day'" : "timestamp '2000-01-03'") . ", $zone)";
	$e{with} = "s2 AS MATERIALIZED (SELECT * FROM plain.spine('$s->{every}', $e{lower}, $e{upper}, $zone, " . $back->($from) . ", $s->{week_start})), "
		# several days may be beside one: the first has it
		. 'p AS MATERIALIZED (SELECT n, earlier FROM (SELECT s.n, s2.n AS earlier, max(s2.n) OVER (ORDER BY s.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS taken'
		. ' FROM s JOIN s2 ON ' . $back->('s.b') . ' >= s2.b AND ' . $back->('s.b') . ' < s2.e) p WHERE earlier > coalesce(taken, -1)), ';
	return \%e;
}

# beside(spec) -- WITH e: of each bucket what the measures were in the earlier one
# that is beside it, filled as that period's.
sub beside
{
	my ($s) = @_;
	my @m = @{ $s->{measures} };
	my ($with, $from, @columns) = ('', 'p JOIN c2 c ON c.n = p.earlier', 'c.g', 'p.n');
	for my $i (1 .. @m)
	{
		my $v = "c.v$i";
		if (defined $m[ $i - 1 ]{fill})
		{
			my $cast = $s->{shape} eq 'long' ? '::float8' : "::$m[$i-1]{type}";
			my ($value, undef, $tables, $t) = filled($s, $i, $cast, $m[ $i - 1 ]{fill}, fill_gap($s, $i), undef, 'c2');
			$with .= "h$i AS MATERIALIZED (SELECT c.g, c.n, $value AS v" . (defined $t ? ", $t AS t" : '') . " FROM $tables), ";
			$from .= " JOIN h$i ON (h$i.g, h$i.n) = (c.g, c.n)";
			$v = "h$i.v";
		}
		push @columns, "$v AS v$i", "c.n$i", $m[ $i - 1 ]{sketch} ? "c.t$i" : is_near($m[ $i - 1 ]) ? "h$i.t AS t$i" : ();
	}
	return $with . 'e AS MATERIALIZED (SELECT ' . join(', ', @columns) . " FROM $from), ";
}

# seeds(spec, rows) -- WITH z1, z2 ..: for each measure and group the value in the
# last bucket before the range that has one.
sub seeds
{
	my ($s, $rows, $lower, $zone, $origin) = @_;
	my @m = @{ $s->{measures} };
	my @k = map { "k$_->{n}" } @{ $s->{keys} };
	$origin = "plain.instant(date_trunc('day', $lower AT TIME ZONE $zone), $zone)"
		if $origin eq 'NULL' && $s->{every} =~ /hour|min| s$/ && $s->{every} ne '7 min';
	my $sql = "b4 AS MATERIALIZED (SELECT r.*, g.g FROM ($rows) r JOIN g ON "
		. join(' AND ', 'g.rest = r.rest', map { "g.$_ IS NOT DISTINCT FROM r.$_" } @k) . " WHERE r.at < $lower AND isfinite(r.at)), ";

	for my $i (1 .. @m)
	{
		next if ($m[ $i - 1 ]{fill} // '') !~ /previous|linear/;
		my $has = $m[ $i - 1 ]{fn} eq 'count' ? 'true' : "m$i IS NOT NULL";
		$sql .= "z$i AS MATERIALIZED (SELECT l.g, s.b, (SELECT v$i FROM (SELECT " . of($m[ $i - 1 ], $i)
			. " FROM b4 r WHERE r.g = l.g AND r.at >= s.b AND r.at < least(s.e, $lower)) v) AS v$i"
			. " FROM (SELECT g, max(at) AS at FROM b4 WHERE $has GROUP BY g) l,"
			. " LATERAL plain.spine('$s->{every}', l.at, l.at + interval '1 us', $zone, $origin, $s->{week_start}) s), ";
	}
	return $sql;
}

# filled(spec, i, cast, fill, gap, seed, cells) -- of measure i the shown value,
# whether it fills a gap, and the tables both are of: what fill.h says.  Of the
# cells c, or c2 of the earlier period, which no seed precedes.  Of a line also how
# far off it may be: where its ends nearly cancel rounding them is what is left.
sub filled
{
	my ($s, $i, $cast, $fill, $gap, $seed, $cells) = @_;
	my $zone = literal(Spec::axis_zone($s));
	my $nothing = is_count($s->{measures}[ $i - 1 ]) ? "0$cast" : 'NULL';
	my $clock = is_local($s) ? "'UTC'" : $zone;
	my $reach = sub { my ($a, $b) = @_; return defined $gap ? "plain.moved($a, '$gap', $clock) >= $b" : "$a <= $b" };
	$cells //= 'c';
	my ($from, $empty) = ("$cells c", $nothing);
	my $off;

	if (defined $fill && $fill =~ /previous|next|linear/)
	{
		# the value of one that has none, as the deviation of one row, is no end
		my $known = "CASE WHEN n$i > 0 AND v$i IS NOT NULL THEN n END";
		$from = "(SELECT c.*, max($known) OVER (PARTITION BY g ORDER BY n) AS before,"
			. " min($known) OVER (PARTITION BY g ORDER BY n DESC) AS after FROM $cells c) c"
			. " LEFT JOIN $cells p ON p.g = c.g AND p.n = c.before LEFT JOIN $cells q ON q.g = c.g AND q.n = c.after";
		my ($at, $p, $q) = ('p.b', "p.v$i$cast", "q.v$i$cast");
		if ($s->{look_back} && $fill ne 'next' && $cells eq 'c')
		{
			$from .= " LEFT JOIN z$i z ON z.g = c.g";
			($at, $p) = ('coalesce(p.b, z.b)', "CASE WHEN p.b IS NULL THEN z.v$i$cast ELSE $p END");
		}
		$off = "4e-16 * greatest(abs(($p)::float8), abs(($q)::float8))" if $fill eq 'linear';
		$empty = $fill eq 'previous' ? 'CASE WHEN ' . $reach->($at, 'c.b') . " THEN $p"
			. (defined $seed ? " WHEN p.b IS NULL AND " . $reach->("($s->{lower})", 'greatest(c.b, ' . "($s->{lower}))") . " THEN $seed" : '') . " ELSE $nothing END"
			: $fill eq 'next' ? 'CASE WHEN ' . $reach->('c.b', 'q.b') . " THEN $q ELSE $nothing END"
			: 'CASE WHEN ' . $reach->($at, 'q.b')
			. " THEN ($p) + ($q - ($p)) * (extract(epoch FROM c.b - $at) / extract(epoch FROM q.b - $at))::float8 ELSE $nothing END";
	}
	elsif (defined $fill)
	{
		$empty = $fill eq 'zero' ? '0' : $fill;
	}
	my $shown = "CASE WHEN c.n$i > 0 THEN c.v$i$cast ELSE $empty END";
	return ($shown, "c.n$i = 0 AND ($shown) IS NOT NULL", $from, $off);
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
	my ($value, $is_filled, $from, $t) = filled($s, 1, '::float8', @{$s}{qw(fill max_gap seed)});
	my ($n, $b, $e) = ('c.n1', 'c.b', 'c.e');
	my @names = map { key($_) } @{ $s->{keys} };
	my $zone = literal(Spec::axis_zone($s));

	if ($shape eq 'values')
	{
		return $cells . 'SELECT ROW(' . join(', ', @names) . ")::text AS k, 0 AS o, '{}' AS x, array_agg($value ORDER BY c.n) AS y"
			. (defined $t ? ", array_agg($t ORDER BY c.n)::float8[] AS t" : '') . " FROM $from GROUP BY "
			. join(', ', 'c.g', map { "c.k$_->{n}" } @{ $s->{keys} });
	}
	if ($shape eq 'rate')
	{
		$value = "($value) * extract(epoch FROM interval '$s->{per}')::float8"
			. " / extract(epoch FROM least(c.e, $s->{upper}) - greatest(c.b, $s->{lower}))::float8";
	}
	my $partial = 'c.partial';
	if ($shape eq 'shift')
	{
		# days that a clock skipped may be all by which a range ended early
		my $moved = sub { return "plain.moved($_[0], '$s->{by}', $zone)" };
		($b, $e) = map { $moved->($_) } $b, $e;
		$partial = "($b < " . $moved->("($s->{lower})") . " OR $e > " . $moved->("($s->{upper})") . ')';
	}
	($value, $is_filled, $n) = windowed($s) if $shape =~ /moving|cumulate/;
	return $cells . 'SELECT ROW(' . join(', ', $b, @names) . ")::text AS k, 0 AS o,"
		. " ARRAY[($e)::text, ($n)::text, ($is_filled)::text, ($partial)::text] AS x, ARRAY[$value] AS y"
		. ($s->{measures}[0]{sketch} ? ', ARRAY[c.t1]::float8[] AS t' : defined $t ? ", ARRAY[$t]::float8[] AS t" : cancels($s)) . " FROM $from";
}

# cancels(spec) -- t of a window: large values that nearly cancel leave what
# rounding them to float8 took, on either side.
sub cancels
{
	my ($s) = @_;
	return '' if $s->{shape} ne 'moving' || $s->{moving} !~ /^(sum|avg)$/;
	return ', ARRAY[1e-14 * max(abs(c.v1::float8)) OVER (PARTITION BY c.g ORDER BY c.n ROWS ' . ($s->{width} - 1) . ' PRECEDING)]::float8[] AS t';
}

# key_name(key) -- its member in a JSON object of keys.
sub key_name { my ($k) = @_; return literal($k->{path} ? $k->{path}[0] : $k->{column}) }

sub wide
{
	my ($s) = @_;
	my @m = @{ $s->{measures} };
	my $key = 'ROW(' . join(', ', is_local($s) ? "c.b AT TIME ZONE 'UTC'" : 'c.b', map { key($_) } @{ $s->{keys} }) . ')::text';
	my $from = 'c';
	my @shown = map { "c.v$_" } 1 .. @m;
	my $with = '';

	# each measure that is filled has a table of its own
	for my $i (grep { defined $m[ $_ - 1 ]{fill} } 1 .. @m)
	{
		my ($value, undef, $tables, $t) = filled($s, $i, "::$m[$i - 1]{type}", $m[ $i - 1 ]{fill}, fill_gap($s, $i));
		$with .= ", f$i AS MATERIALIZED (SELECT c.g, c.n, $value AS v" . (defined $t ? ", $t AS t" : '') . " FROM $tables)";
		$from .= " JOIN f$i ON (f$i.g, f$i.n) = (c.g, c.n)";
		$shown[ $i - 1 ] = "f$i.v";
	}
	push @shown, map { "c.w$_" } 1 .. @m if $s->{compare};
	my ($x, $y) = compared([ shown_measures($s) ], @shown);
	return cells($s) . "$with SELECT $key AS k, c.n AS o, $x AS x, $y AS y" . tolerance($s) . " FROM $from";
}

# is_near(measure) -- may it be off?
sub is_near { my ($m) = @_; return $m->{sketch} || ($m->{fill} // '') eq 'linear' }

# tolerance(spec) -- t, how far off each of y may be, if anything may.
sub tolerance
{
	my ($s) = @_;
	my @m = @{ $s->{measures} };
	return '' if !grep { is_near($_) } @m;
	my @t;
	for my $from ('t', $s->{compare} ? 'u' : ())
	{
		push @t, map { !is_near($m[ $_ - 1 ]) ? '0' : $m[ $_ - 1 ]{sketch} || $from eq 'u' ? "c.$from$_" : "f$_.t" }
			grep { $m[ $_ - 1 ]{sketch} || is_float($m[ $_ - 1 ]{type}) } 1 .. @m;
	}
	return ', ARRAY[' . join(', ', @t) . ']::float8[] AS t';
}

# fill_gap(spec, i) -- max_gap is for the fills that reach.
sub fill_gap { my ($s, $i) = @_; return $s->{measures}[ $i - 1 ]{fill} =~ /previous|next|linear/ ? $s->{max_gap} : undef }

sub long
{
	my ($s) = @_;
	my @m = @{ $s->{measures} };
	my $keys = keys_object($s);
	my $near = grep { is_near($_) } @m;
	my $cell = join ', ', shown($s, 'c.b'), shown($s, 'c.e'), $keys;
	my @before = map {
		my $t = !$near ? '' : ', ARRAY[' . (is_near($m[ $_ - 1 ]) ? "c.u$_" : '0') . ']::float8[] AS t';
		"SELECT ROW($cell, " . literal(name_of($m[ $_ - 1 ]) . ' before') . ")::text AS k, c.n AS o,"
			. " ARRAY[coalesce(c.o$_ = 0 AND c.w$_ IS NOT NULL, false)::text, c.partial::text] AS x, ARRAY[c.w$_\::float8] AS y$t FROM c"
	} $s->{compare} ? 1 .. @m : ();
	return cells($s) . join ' UNION ALL ', @before, map {
		my $fill = $m[ $_ - 1 ]{fill};
		my ($value, $is_filled, $from, $off) = filled($s, $_, '::float8', $fill, defined $fill ? fill_gap($s, $_) : undef);
		my $t = !$near ? '' : ', ARRAY[' . ($off // ($m[ $_ - 1 ]{sketch} ? "c.t$_" : '0')) . ']::float8[] AS t';
		"SELECT ROW($cell, " . literal(name_of($m[ $_ - 1 ])) . ")::text AS k, c.n AS o,"
			. " ARRAY[($is_filled)::text, c.partial::text] AS x, ARRAY[$value] AS y$t FROM $from"
	} 1 .. @m;
}

# keys_object(spec) -- the keys of a group as JSON.
sub keys_object
{
	my ($s) = @_;
	# where no key has a place for it all show the name of the rest
	my $everywhere = defined $s->{other} && !grep { $_->{type} eq 'text' } @{ $s->{keys} };
	my $shown = sub { my ($k) = @_; return $everywhere ? 'CASE WHEN c.rest THEN to_jsonb(' . literal($s->{other}) . '::text) ELSE to_jsonb(' . key($k) . ') END' : key($k) };
	return 'jsonb_build_object(' . join(', ', map { key_name($_) . ', ' . $shown->($_) } @{ $s->{keys} }) . ')';
}

# json -- the cells of the one document.
sub json
{
	my ($s) = @_;
	my @m = shown_measures($s);
	my $n = @{ $s->{measures} };
	my $cell = join ', ', shown($s, 'c.b'), shown($s, 'c.e'), keys_object($s);
	my $near = grep { is_near($_) } @m;
	my @cells = map {
		my $m = $m[ $_ - 1 ];
		my $is_before = $_ > $n;
		my $i = $is_before ? $_ - $n : $_;
		my ($value, $from, $off) = ($is_before ? "c.w$i" : "c.v$i", 'c');
		($value, undef, $from, $off) = filled($s, $i, "::$m->{type}", $m->{fill}, fill_gap($s, $i)) if defined $m->{fill} && !$is_before;
		my ($x, $y) = compared([$m], $m->{type} =~ /\[/ ? "to_jsonb($value)" : "($value)");
		$off //= !is_near($m) ? '0' : $is_before ? "c.u$i" : "c.t$i";
		my $t = !$near ? '' : ", ARRAY[$off]::float8[] AS t";
		"SELECT ROW($cell, " . literal(name_of($m) . ($is_before ? ' before' : '')) . ")::text AS k, c.n AS o,"
			. " $x || CASE WHEN c.partial THEN 'true' END AS x, $y AS y$t FROM $from"
	} 1 .. @m;
	return cells($s) . join ' UNION ALL ', "SELECT 'groups' AS k, 0 AS o, ARRAY[count(*), count(*)]::text[] AS x, '{}'::float8[] AS y" . ($near ? ', NULL::float8[] AS t' : '') . ' FROM g', @cells;
}

sub plain
{
	my ($s) = @_;
	return json($s) if $s->{shape} eq 'json';
	return $s->{shape} eq 'wide' ? wide($s) : $s->{shape} eq 'long' ? long($s) : two_step($s);
}

1;
