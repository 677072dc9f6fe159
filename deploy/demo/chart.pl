#!/usr/bin/perl
# chart.pl -- draws a series grouped by one property in the terminal.
#
#     curl ... | chart.pl PROPERTY
#
# Reads the answer of a query with interval and group_by.  A row a group, a
# column a bucket, each row to its own scale; block characters where the
# terminal takes UTF-8, plain ones elsewhere (TERM=dumb, LANG=C).
use strict;
use warnings;
use JSON::PP;

my $property = shift // die "usage: chart.pl PROPERTY\n";
my $answer = eval { JSON::PP->new->utf8->decode(do { local $/; <STDIN> }) };
my $slices = ref $answer eq 'HASH' ? $answer->{result} : undef;
die "chart.pl: this is no series: ", $answer->{message} // '', "\n"
	unless ref $slices eq 'ARRAY' && @$slices && ref $slices->[0]{value};

my $utf8 = ($ENV{TERM} // 'dumb') ne 'dumb'
	&& ($ENV{LC_ALL} || $ENV{LC_CTYPE} || $ENV{LANG} || '') =~ /utf-?8/i;
my @levels = $utf8
	? map { chr(0x2580 + $_) } 1 .. 8
	: split //, '_.-:=+*#';
my $nothing = $utf8 ? "\x{b7}" : ' ';
binmode STDOUT, ':encoding(UTF-8)';

# thousands(12345) -- "12,345"
sub thousands
{
	my ($n) = @_;
	1 while $n =~ s/^(\d+)(\d{3})/$1,$2/;
	return $n;
}

my (%row, @order);
for my $i (0 .. $#$slices)
{
	for my $cell (@{ $slices->[$i]{value} })
	{
		my $group = $cell->{$property} // '(none)';
		push @order, $group unless $row{$group};
		$row{$group}[$i] = $cell->{result} // 0;
	}
}

my (%total, %low, %high);
for my $group (@order)
{
	my @sorted = sort { $a <=> $b } @{ $row{$group} };
	($low{$group}, $high{$group}) = @sorted[ 0, -1 ];
	$total{$group} += $_ for @sorted;
}

# bar(value, high) -- one character: nothing, or one of the levels.
sub bar
{
	my ($value, $high) = @_;
	return $nothing unless $value > 0;
	return $levels[ int(($value / $high) * (@levels - 1) + 0.5) ];
}

my $columns = @$slices;
my $width = 7;
for (@order) { $width = length if length > $width }

printf "  %-${width}s  %9s  %-${columns}s  %7s %7s\n",
	$property, 'total', 'each to its own scale', 'low', 'high';
for my $group (sort { $total{$b} <=> $total{$a} || $a cmp $b } @order)
{
	printf "  %-${width}s  %9s  %s  %7s %7s\n", $group,
		thousands($total{$group}),
		join('', map { bar($_, $high{$group}) } @{ $row{$group} }),
		thousands($low{$group}), thousands($high{$group});
}

my $from = substr $slices->[0]{timeframe}{start}, 0, 10;
my $to = substr $slices->[-1]{timeframe}{start}, 0, 10;
printf "  %-${width}s  %9s  %s%s%s\n", '', '', $from,
	' ' x ($columns > 20 ? $columns - 20 : 1), $to;
