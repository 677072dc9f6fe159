# Faults.pm
#     Faults inside of a program under test (faults.c), by LD_PRELOAD.
#
#     my $faults = Faults->new($tally, 'write');
#     $faults->around(sub { $tally->start_write });     # it starts with them
#     $faults->set(sync_us => 2000);                    # happens at once
#     $faults->happened;                                # how many, so far
package Faults;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

# as in faults.c
my @FIELDS = qw(forget sync_us disk_in disk_errno malloc_in malloc_all
	malloc_of clock_s happened);

my $here = abs_path(dirname(__FILE__));

sub new
{
	my ($class, $tally, $name) = @_;
	my $library = $tally->dir . '/bin/faults.so';
	unless (-e $library)
	{
		system('cc', '-O2', '-fPIC', '-shared', '-o', $library,
			"$here/faults.c", '-ldl', '-lpthread') == 0
			or die "faults.c does not compile\n";
		chmod 0755, $library;
	}
	my $self = bless { library => $library,
		path => $tally->dir . "/run/faults-$name" }, $class;
	$self->set;
	chmod 0666, $self->{path};
	return $self;
}

# set(field => number, ...) -- those, and all others to 0.
sub set
{
	my ($self, %value) = @_;
	my $known = join '|', @FIELDS;
	/^(?:$known)$/ or die "no such fault: $_\n" for keys %value;
	my $bytes = pack 'q*', map { $value{$_} // 0 } @FIELDS;
	open my $fh, (-e $self->{path} ? '+<' : '>'), $self->{path}
		or die "$self->{path}: $!\n";
	syswrite $fh, -s $fh ? $bytes : $bytes . "\0" x (4096 - length $bytes);
	close $fh;
	return;
}

sub happened
{
	my ($self) = @_;
	open my $fh, '<', $self->{path} or die "$self->{path}: $!\n";
	sysread $fh, my $bytes, 8 * @FIELDS;
	return (unpack 'q*', $bytes)[$#FIELDS];
}

# around(code) -- what it starts has the faults.
sub around
{
	my ($self, $code) = @_;
	local $ENV{LD_PRELOAD} = $self->{library};
	local $ENV{FAULTS} = $self->{path};
	return $code->();
}

1;
