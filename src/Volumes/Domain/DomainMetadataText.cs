using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OvirtSpm.Volumes.Domain;

/// <summary>The translation between <see cref="DomainMetadata"/> and tags, and the checksum over them.</summary>
internal static class DomainMetadataText
{
    public const string ChecksumKey = "_SHA_CKSUM";

    private static readonly string[] Known =
    [
        "VERSION", "SDUUID", "TYPE", "CLASS", "ROLE", "DESCRIPTION", "POOL_UUID", "LOCKPOLICY", "LOCKRENEWALINTERVALSEC",
        "LEASETIMESEC", "IOOPTIMEOUTSEC", "LEASERETRIES", "VGUUID", "ALIGNMENT", "BLOCK_SIZE",
    ];

    public static ImmutableArray<string> ToTags(DomainMetadata metadata)
    {
        var pairs = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["VERSION"] = Number(metadata.Version),
            ["SDUUID"] = metadata.Domain.ToString(),
            ["TYPE"] = metadata.Type,
            ["CLASS"] = metadata.Class,
            ["ROLE"] = metadata.Role,
            ["DESCRIPTION"] = metadata.Description.Trim(),
            ["POOL_UUID"] = metadata.Pool?.ToString() ?? "",
            ["LOCKPOLICY"] = metadata.LockPolicy,
            ["LOCKRENEWALINTERVALSEC"] = Number(metadata.LockRenewalIntervalSeconds),
            ["LEASETIMESEC"] = Number(metadata.LeaseTimeSeconds),
            ["IOOPTIMEOUTSEC"] = Number(metadata.IoOperationTimeoutSeconds),
            ["LEASERETRIES"] = Number(metadata.LeaseRetries),
            ["VGUUID"] = metadata.VolumeGroupUuid,
        };
        if (metadata.Version == DomainLimits.Version)
        {
            pairs["ALIGNMENT"] = Number(metadata.AlignmentBytes);
            pairs["BLOCK_SIZE"] = Number(metadata.BlockSize);
        }

        for (var i = 0; i < metadata.PhysicalVolumes.Count; i++)
        {
            pairs["PV" + Number(i)] = metadata.PhysicalVolumes[i].Format();
        }

        foreach (var (key, value) in metadata.Others)
        {
            pairs.TryAdd(key, value);
        }

        return [.. pairs.Select(pair => DomainTag.Of(pair.Key, pair.Value)), DomainTag.Of(ChecksumKey, Checksum(pairs))];
    }

    public static DomainError TryParse(IEnumerable<string> tags, out DomainMetadata? metadata, out string where)
    {
        metadata = null;
        var error = TryCollect(tags, out var pairs, out where);
        if (error != DomainError.None)
        {
            return error;
        }

        // A description without a checksum is let through, as oVirt does: the first tags of a domain are written before it.
        if (pairs.Remove(ChecksumKey, out var declared) && declared != Checksum(pairs))
        {
            where = ChecksumKey;
            return DomainError.WrongChecksum;
        }

        var fields = new DomainFields(pairs);
        var version = (int)fields.Number("VERSION", 0, 1000);
        if (fields.Error == DomainError.None && version is not (DomainLimits.Version or DomainLimits.OldestReadVersion))
        {
            where = "VERSION";
            return DomainError.WrongVersion;
        }

        var parsed = new DomainMetadata
        {
            Version = version,
            Domain = fields.Uuid("SDUUID"),
            Type = fields.Text("TYPE"),
            Class = fields.Text("CLASS"),
            Role = fields.Text("ROLE"),
            Description = fields.Text("DESCRIPTION"),
            Pool = fields.Pool("POOL_UUID"),
            VolumeGroupUuid = fields.Text("VGUUID"),
            AlignmentBytes = version == DomainLimits.Version ? fields.Number("ALIGNMENT", 1 << 20, 8 << 20) : DomainLimits.AlignmentBytes,
            BlockSize = version == DomainLimits.Version ? (int)fields.Number("BLOCK_SIZE", 512, 4096) : fields.NumberOr("LOGBLKSIZE", 512),
            LockPolicy = fields.TextOr("LOCKPOLICY", ""),
            LockRenewalIntervalSeconds = fields.NumberOr("LOCKRENEWALINTERVALSEC", 5),
            LeaseTimeSeconds = fields.NumberOr("LEASETIMESEC", 60),
            IoOperationTimeoutSeconds = fields.NumberOr("IOOPTIMEOUTSEC", 10),
            LeaseRetries = fields.NumberOr("LEASERETRIES", 3),
            PhysicalVolumes = fields.PhysicalVolumes(out var used),
            Others = new([.. pairs.Where(pair => !Known.Contains(pair.Key) && !used.Contains(pair.Key))]),
        };
        if (parsed.BlockSize is not (512 or 4096))
        {
            fields.Fail(DomainError.BadValue, "BLOCK_SIZE");
        }

        where = fields.Where;
        if (fields.Error == DomainError.None)
        {
            metadata = parsed;
        }

        return fields.Error;
    }

    /// <summary>SHA-1 in lower-case hexadecimal of <c>key=value</c> of all keys in ordinal order, with nothing between them.</summary>
    /// <remarks>Characters beyond ASCII enter as XML decimal references. Source: VDSM's persistent dictionary.</remarks>
    private static string Checksum(SortedDictionary<string, string> pairs)
    {
        var text = new StringBuilder();
        foreach (var (key, value) in pairs)
        {
            foreach (var rune in (key + "=" + value.Trim()).EnumerateRunes())
            {
                _ = rune.IsAscii
                    ? text.Append((char)rune.Value)
                    : text.Append("&#").Append(rune.Value.ToString(CultureInfo.InvariantCulture)).Append(';');
            }
        }

#pragma warning disable CA5350 // The format's own checksum; it guards against accidents, not against people.
        return Convert.ToHexStringLower(SHA1.HashData(Encoding.ASCII.GetBytes(text.ToString())));
#pragma warning restore CA5350
    }

    private static DomainError TryCollect(IEnumerable<string> tags, out SortedDictionary<string, string> pairs, out string where)
    {
        pairs = new SortedDictionary<string, string>(StringComparer.Ordinal);
        where = "";
        foreach (var tag in tags.Where(tag => tag.StartsWith(DomainTag.Prefix, StringComparison.Ordinal)))
        {
            where = tag;
            if (!DomainTag.TryParse(tag, out var key, out var value))
            {
                return DomainError.BadTag;
            }

            if (!pairs.TryAdd(key, value.Trim()) && pairs[key] != value.Trim())
            {
                where = key;
                return DomainError.DuplicateKey;
            }
        }

        where = "";
        return pairs.Count == 0 ? DomainError.NoMetadata : DomainError.None;
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
