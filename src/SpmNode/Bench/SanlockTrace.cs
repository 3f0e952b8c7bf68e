using System.Globalization;
using System.Text.RegularExpressions;

namespace OvirtSpm.Node.Bench;

/// <summary>The storage requests of one file in what <c>strace -y</c> wrote, in order.</summary>
static partial class SanlockTrace
{
    /// <exception cref="FormatException">A request on the file that is not understood: a wrong count would be worse than none.</exception>
    public static IReadOnlyList<LeaseIoRecord> Read(IEnumerable<string> lines, string path)
    {
        var ios = new List<LeaseIoRecord>();
        foreach (var line in lines.Where(line => line.Contains($"<{path}>", StringComparison.Ordinal)))
        {
            var requests = Submitted().Matches(line);
            if (requests.Count == 0)
            {
                throw new FormatException($"strace wrote a request that is not understood: {line}");
            }
            ios.AddRange(requests.Where(request => request.Groups["path"].Value == path).Select(request => new LeaseIoRecord(
                request.Groups["kind"].Value == "PWRITE", Number(request.Groups["offset"]), Number(request.Groups["bytes"]))));
        }
        return ios;
    }

    /// <summary>Sorted into operations by what the format says of the places; what joining asked for is left out.</summary>
    /// <param name="areaBytes">The lockspace's size, and where the resource begins.</param>
    /// <returns>Null when an operation is not complete.</returns>
    public static LeaseCost? Sort(IReadOnlyList<LeaseIoRecord> ios, long areaBytes)
    {
        // Joining reads single sectors; the first look at the whole area begins the first renewal, its write ends it.
        var lockspace = ios.Where(io => io.OffsetBytes < areaBytes).SkipWhile(io => io.IsWrite || io.LengthBytes < areaBytes).ToList();
        var renewals = lockspace.Take(lockspace.FindLastIndex(io => io.IsWrite) + 1).ToList();
        // Acquiring ends with the leader's write, and so does releasing.
        var resource = ios.Where(io => io.OffsetBytes >= areaBytes).ToList();
        var acquired = resource.FindIndex(io => io.IsWrite && io.OffsetBytes == areaBytes);
        var released = acquired < 0 ? -1 : resource.FindIndex(acquired + 1, io => io.IsWrite && io.OffsetBytes == areaBytes);
        return renewals.Count == 0 || released < 0 ? null : new LeaseCost(
            IoCost.Of(renewals, renewals.Count(io => io.IsWrite)), IoCost.Of(resource[..(acquired + 1)], 1), IoCost.Of(resource[(acquired + 1)..(released + 1)], 1));
    }

    static long Number(Group digits) => long.Parse(digits.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"IOCB_CMD_(?<kind>PREAD|PWRITE), aio_fildes=\d+<(?<path>[^>]*)>, aio_buf=.*?, aio_nbytes=(?<bytes>\d+), aio_offset=(?<offset>\d+)")]
    private static partial Regex Submitted();
}
