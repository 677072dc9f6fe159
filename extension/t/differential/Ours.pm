# Ours.pm
#     A specification as a call of Tally, in the columns that plain.verdict()
#     compares: k which cell, o in which order, x exact, y up to the last digits
#     of a double.
package Ours;

use strict;
use warnings;
use Exporter qw(import);
use Tables qw(ident literal);
our @EXPORT_OK = qw(ours compared is_float grammar name_of shown_measures);

sub is_float { return $_[0] =~ /^(double precision|real)$/ }

# compared(measures, names) -- the lists x and y of columns of those types.
#
# Of numerics that are equal, as 0 and 0.00, core keeps whichever it meets last,
# and Tally the one whose bytes come first; such are compared without the zeros
# at the end.
sub compared
{
	my ($measures, @names) = @_;
	my (@x, @y);
	for my $i (0 .. $#names)
	{
		my $m = $measures->[$i];
		if (is_float($m->{type}) || $m->{sketch}) { push @y, "$names[$i]::float8" }
		elsif ($m->{type} =~ /^numeric/ && $m->{fn} =~ /^(min|max|first|last|values)$/) { push @x, "plain.trimmed($names[$i])::text" }
		else { push @x, "$names[$i]::text" }
	}
	return ('ARRAY[' . join(', ', @x) . ']::text[]', 'ARRAY[' . join(', ', @y) . ']::float8[]');
}

# written(name) -- a column as the grammar of measures has it.
sub written { my ($c) = @_; return $c =~ /^[a-z_][a-z_0-9]*$/ ? $c : ident($c) }

# arguments_of(measure) -- after its column: which percentile, how near.
sub arguments_of { my ($m) = @_; return join '', map { defined $_ ? ", $_" : '' } @{$m}{qw(number sketch)} }

# grammar(measure) -- as an element of "measures".
sub grammar
{
	my ($m) = @_;
	my $alias = defined $m->{alias} ? ' AS ' . ident($m->{alias}) : '';
	return "count$alias" if $m->{fn} eq 'count';
	my $fn = $m->{fn} eq 'count_of' ? 'count' : $m->{fn};
	return "$fn(" . ($m->{path} ? $m->{path}[0] : written($m->{column})) . arguments_of($m) . ")$alias";
}

# name_of(measure) -- what it is called in answers: without the quotes.
sub name_of
{
	my ($m) = @_;
	return $m->{alias} if defined $m->{alias};
	return 'count' if $m->{fn} eq 'count';
	my $fn = $m->{fn} eq 'count_of' ? 'count' : $m->{fn};
	return "$fn(" . ($m->{path} ? $m->{path}[0] : $m->{column}) . arguments_of($m) . ')';
}

# shown_measures(spec) -- those that an answer shows: with "compare" each again.
sub shown_measures { my ($s) = @_; return (@{ $s->{measures} }, $s->{compare} ? @{ $s->{measures} } : ()) }

sub grid
{
	my ($s, $every) = @_;
	my $tz = literal($s->{tz});
	my $origin = $s->{origin} ? "timestamptz '$s->{origin}'" : 'NULL';
	# in the session's zone its arguments are in another order
	return "tally.grid(interval '$every', $s->{during}, "
		. (defined $s->{tz} || $s->{during} =~ /::text$/ ? "tz => $tz, " : '') . "origin => $origin, week_start => $s->{week_start})";
}

# at(spec) -- the instant of a row, by the grid's clock where it needs one.
sub at
{
	my ($s, $column) = @_;
	return $s->{table}{axis_type} eq 'timestamptz' ? $column : "tally.instant(g, $column\::timestamp)";
}

sub two_step
{
	my ($s) = @_;
	my $t = $s->{table};
	my $m = $s->{measures}[0];
	my $at = at($s, ident($t->{axis}));
	my $aggregate = $m->{fn} eq 'count' ? "tally.count(g, $at)"
		: $m->{fn} eq 'count_of' ? "tally.count(g, CASE WHEN " . ident($m->{column}) . " IS NOT NULL THEN $at END)"
		: "tally." . ($m->{fn} eq 'percentile' ? 'percentiles' : $m->{fn}) . "(g, $at, " . ident($m->{column}) . ($m->{sketch} ? ", $m->{sketch})" : ')');
	my @keys = map { ident($_->{column}) . " AS k$_->{n}" } @{ $s->{keys} };
	my $names = join ', ', map { "k$_->{n}" } @{ $s->{keys} };
	my @options = map { "$_ => " . literal($s->{$_}) } grep { defined $s->{$_} } qw(fill max_gap seed);
	if ($s->{carried})
	{
		# as it would be stored
		(my $carried = join ', ', @options) =~ s/^fill/mode/;
		$aggregate = "tally.fill($aggregate, $carried)::text::tally.series";
		@options = ();
	}
	my $series = 'SELECT ' . join(', ', @keys, "$aggregate AS s") . " FROM $t->{name} t, " . grid($s, $s->{fine} // $s->{every}) . ' g'
		. ($s->{cut} ? ' WHERE g OPERATOR(tally.@>) ' . ident($t->{axis}) : '');
	my $group = join ', ', map { ident($_->{column}) } @{ $s->{keys} };

	if ($s->{shape} eq 'merge')
	{
		# in parts, as they would be stored
		$series .= " GROUP BY " . join(', ', grep { $_ } $group, 'i4 % 3, md5(t::text) < \'7\'');
		$series = "SELECT " . join(', ', grep { $_ } $names, 'tally.merge(s) AS s') . " FROM ($series) parts" . ($names ? " GROUP BY $names" : '');
	}
	else
	{
		$series .= " GROUP BY $group" if $group;
	}

	my $shape = $s->{shape};
	my $rows = $shape eq 'cumulate' ? 'tally.cumulate(s)'
		: $shape eq 'moving' ? "tally.moving(s, '$s->{moving}', $s->{width})"
		: $shape eq 'rate' ? "tally.rate(s, '$s->{per}')"
		: $shape eq 'shift' ? "tally.rows(tally.shift(s, '$s->{by}'))"
		: $shape eq 'rebucket' ? "tally.rows(tally.rebucket(s, " . grid($s, $s->{every}) . '))'
		: 'tally.rows(' . join(', ', 's', @options) . ')';
	my @shown = map { key($_) } @{ $s->{keys} };
	my $cell = join ', ', 'bucket', @shown;
	if ($shape eq 'values')
	{
		return 'SELECT ROW(' . join(', ', @shown) . ")::text AS k, 0 AS o, '{}' AS x, tally.values(s) AS y FROM ($series) q WHERE s IS NOT NULL";
	}
	return "SELECT ROW($cell)::text AS k, 0 AS o, ARRAY[bucket_end::text, n::text, is_filled::text, is_partial::text] AS x, ARRAY[value] AS y"
		. " FROM ($series) q, LATERAL $rows r";
}

# key(key) -- equal numbers may be spelled with more zeros or fewer.
sub key { my ($k) = @_; return $k->{type} eq 'numeric' ? "trim_scale(k$k->{n})" : "k$k->{n}" }

sub json_text { my ($s) = @_; $s =~ s/(["\\])/\\$1/g; return "\"$s\"" }

# source(spec) -- the function, and what it reads: a table, or a query with a
# parameter.
sub source
{
	my ($s, $shape) = @_;
	my $form = { wide => '', long => '_long', json => '_json' }->{$shape};
	my $function = "tally.series$form";
	return "$function(" . literal($s->{table}{name}) if !$s->{query};
	$function = "tally.series_query$form";
	return "$function(" . literal("SELECT * FROM $s->{table}{name} WHERE i4 IS NULL OR i4 >= \$1") . ", '[-2147483648]'";
}

# members(spec) -- as JSON.
sub members
{
	my ($s) = @_;
	my @keys = @{ $s->{keys} };
	if ($s->{members_query})
	{
		my $columns = join ', ', map { $_->{path} ? ident($_->{path}[1]) . ' #>> ' . literal($_->{path}[2]) : ident($_->{column}) } @keys;
		return '{"query": ' . json_text("SELECT $columns FROM $s->{table}{name} WHERE $s->{members_query}") . ', "params": [0]}';
	}
	my @names = map { json_text($_->{path} ? $_->{path}[0] : $_->{column}) } @keys;
	return '[' . join(', ', map {
		my $m = $_;
		$s->{members_as} eq 'values' ? $m->[0]
			: $s->{members_as} eq 'lists' ? '[' . join(', ', @$m) . ']'
			: '{' . join(', ', map { "$names[$_]: $m->[$_]" } 0 .. $#names) . '}'
	} @{ $s->{members} }) . ']';
}

# arguments(spec) -- of tally.series() and its like, from "axis" on.
sub arguments
{
	my ($s) = @_;
	my @a = (literal($s->{table}{axis}), "'$s->{every}'", $s->{during},
		'measures => ARRAY[' . join(', ', map { literal($_->{grammar}) } @{ $s->{measures} }) . ']');
	push @a, 'group_by => ARRAY[' . join(', ', map { literal($_->{path} ? $_->{path}[0] : $_->{column}) } @{ $s->{keys} }) . ']' if @{ $s->{keys} };
	push @a, 'tz => ' . literal($s->{tz}) if defined $s->{tz};
	push @a, "origin => '$s->{origin}'" if $s->{origin};
	push @a, "week_start => $s->{week_start}" if $s->{week_start} != 1;
	push @a, 'filters => ' . literal('[' . join(', ', map { $_->[0] } @{ $s->{filters} }) . ']') if $s->{filters};
	push @a, 'groups => ' . literal($s->{groups}) if $s->{groups};
	push @a, 'members => ' . literal(members($s)) if $s->{members} || $s->{members_query};
	push @a, "top => $s->{top}", 'top_by => ' . literal(name_of($s->{measures}[ $s->{top_by} ])) if $s->{top};
	push @a, 'other => ' . literal($s->{other}) if $s->{other};
	my @fills = map { defined $_->{fill} ? json_text(name_of($_)) . ': ' . ($_->{fill} =~ /\d/ ? $_->{fill} : "\"$_->{fill}\"") : () } @{ $s->{measures} };
	push @a, 'fill => ' . literal('{' . join(', ', @fills) . '}') if @fills;
	push @a, 'seed => true' if $s->{look_back};
	push @a, "max_gap => '$s->{max_gap}'" if defined $s->{max_gap};
	push @a, "compare => '$s->{compare}'" if $s->{compare};
	return join ', ', @a;
}

sub wide
{
	my ($s) = @_;
	my @m = shown_measures($s);
	my $n = @m;
	my @keys = map { key($_) } @{ $s->{keys} };
	my @values = map { "v$_" } 1 .. $n;
	my $columns = join ', ', $s->{table}{axis_type} eq 'timestamptz' ? 'b timestamptz' : 'b timestamp', map({ "k$_->{n} $_->{type}" } @{ $s->{keys} }), map { "v$_ $m[$_-1]{type}" } 1 .. $n;
	my ($x, $y) = compared(\@m, @values);
	return 'SELECT ROW(' . join(', ', 'b', @keys) . ")::text AS k, row_number() OVER () AS o, $x AS x, $y AS y"
		. ' FROM ' . source($s, 'wide') . ', ' . arguments($s) . ") AS t($columns)";
}

sub long
{
	my ($s) = @_;
	return 'SELECT ROW(bucket, bucket_end, keys, measure)::text AS k, row_number() OVER () AS o, ARRAY[is_filled::text, is_partial::text] AS x, ARRAY[value] AS y'
		. ' FROM ' . source($s, 'long') . ', ' . arguments($s) . ')';
}

# json -- the document taken apart: a cell a bucket, group and measure.
sub json
{
	my ($s) = @_;
	my @m = shown_measures($s);
	my $instant = sub { return "(a.at ->> '$_[0]')::timestamptz" };
	my $cell = sub {
		my ($i) = @_;
		my $name = literal(name_of($m[$i]) . ($i >= @{ $s->{measures} } ? ' before' : ''));
		my $value = "(g.o -> $name -> (a.n - 1)::int)";
		my ($x, $y) = compared([ $m[$i] ], $m[$i]{type} =~ /\[/ ? "nullif($value, 'null')" : "($value #>> '{}')" . ($m[$i]{type} eq 'numeric' ? '::numeric' : ''));
		return "SELECT ROW(" . join(', ', $instant->('start'), $instant->('end'), "g.o -> 'key'", $name) . ")::text AS k, a.n AS o,"
			. " $x || (a.at ->> 'partial') AS x, $y AS y"
			. " FROM d, jsonb_array_elements(d -> 'axis') WITH ORDINALITY a(at, n), jsonb_array_elements(d -> 'series') g(o)";
	};
	return 'WITH d AS MATERIALIZED (SELECT ' . source($s, 'json') . ', ' . arguments($s) . ') AS d) '
		. join(' UNION ALL ', "SELECT 'groups' AS k, 0 AS o, ARRAY[d #>> '{meta,groups}', jsonb_array_length(d -> 'series')::text] AS x, '{}'::float8[] AS y FROM d",
			map { $cell->($_) } 0 .. $#m);
}

sub ours
{
	my ($s) = @_;
	return json($s) if $s->{shape} eq 'json';
	return $s->{shape} eq 'wide' ? wide($s) : $s->{shape} eq 'long' ? long($s) : two_step($s);
}

1;
