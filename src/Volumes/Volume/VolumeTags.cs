using System.Collections.Immutable;
using System.Globalization;

namespace OvirtSpm.Volumes.Volume;

/// <summary>Whether a volume is on its way out.</summary>
public enum RemovalMark
{
    None,

    /// <summary>To be removed; its extents may be freed when no host can write to them (R10).</summary>
    Remove,

    /// <summary>To be overwritten with zeros first.</summary>
    ZeroThenRemove,
}

/// <summary>What the tags of a volume's LV say.</summary>
/// <remarks>
/// <code>
/// IU_&lt;image&gt;                   the disk it belongs to      IU__remove_me_&lt;image&gt;        being removed
/// PU_&lt;volume&gt;                  parent, all zero: none     IU__remove_me_ZERO_&lt;image&gt;   being wiped and removed
/// MD_&lt;n&gt;                        slot                        OVIRT_VOL_INITIALIZING       creation has not ended
/// SPM_MOVED_FROM_&lt;domain&gt;       ours: whole, and not to be used before it is gone from that domain
/// </code>
/// </remarks>
/// <param name="Image">Null when there is no IU_ tag.</param>
/// <param name="Parent">Null when there is no PU_ tag; <see cref="Guid.Empty"/> says "no parent".</param>
/// <param name="Slot">Null when there is no MD_ tag.</param>
/// <param name="Initializing">Creation has not ended.</param>
/// <param name="Removal">Removal has begun.</param>
/// <param name="Others">Tags of somebody else, kept in their order.</param>
public sealed record VolumeTags(
    Guid? Image, Guid? Parent, int? Slot, bool Initializing, RemovalMark Removal, EquatableList<string> Others)
{
    public const string InitializingTag = "OVIRT_VOL_INITIALIZING";
    public const string ImagePrefix = "IU_";
    public const string ParentPrefix = "PU_";
    public const string SlotPrefix = "MD_";
    public const string RemovePrefix = "IU__remove_me_";
    public const string ZeroPrefix = "IU__remove_me_ZERO_";
    public const string MovedPrefix = "SPM_MOVED_FROM_";

    /// <summary>The domain that the volume is being moved from; null when it is at home here.</summary>
    public Guid? MovedFrom { get; init; }

    /// <summary>The tags of an LV whose creation has begun: nothing else may be known of it yet.</summary>
    public static readonly VolumeTags Created = new(null, null, null, Initializing: true, RemovalMark.None, []);

    public static VolumeTags Finished(Guid image, Guid parent, int slot) => new(image, parent, slot, Initializing: false, RemovalMark.None, []);

    /// <summary>The same volume marked for removal; null when it has no image tag to carry the mark.</summary>
    public VolumeTags? Marked(RemovalMark removal) => Image is null ? null : this with { Removal = removal };

    /// <summary>Nothing is missing and nothing is under way: this LV is a volume that may be used.</summary>
    public bool IsUsable => Image is not null && Parent is not null && Slot is not null && !Initializing && Removal == RemovalMark.None && MovedFrom is null;

    /// <returns>In oVirt's spelling; <see cref="Others"/> last.</returns>
    public ImmutableArray<string> ToTags()
    {
        var tags = ImmutableArray.CreateBuilder<string>();
        if (Initializing)
        {
            tags.Add(InitializingTag);
        }

        if (Slot is { } slot)
        {
            tags.Add(SlotPrefix + slot.ToString(CultureInfo.InvariantCulture));
        }

        if (Parent is { } parent)
        {
            tags.Add(ParentPrefix + parent);
        }

        if (Image is { } image)
        {
            var prefix = Removal switch
            {
                RemovalMark.None => ImagePrefix,
                RemovalMark.Remove => RemovePrefix,
                _ => ZeroPrefix,
            };
            tags.Add(prefix + image);
        }

        if (MovedFrom is { } domain)
        {
            tags.Add(MovedPrefix + domain);
        }

        tags.AddRange(Others);
        return tags.ToImmutable();
    }

    /// <summary>Reads the tags of one LV.</summary>
    /// <param name="tags">All tags of the LV.</param>
    /// <param name="wrong">Tags of ours that are no good or contradict an earlier one. With any, the volume may be looked at, not used.</param>
    public static VolumeTags Parse(IEnumerable<string> tags, out ImmutableArray<string> wrong)
    {
        Guid? image = null, parent = null, movedFrom = null;
        int? slot = null;
        var initializing = false;
        var removal = RemovalMark.None;
        var others = ImmutableArray.CreateBuilder<string>();
        var bad = ImmutableArray.CreateBuilder<string>();
        foreach (var tag in tags)
        {
            // The longest prefix first: each of the removal marks begins like the tag it replaces.
            var fits = true;
            if (tag == InitializingTag)
            {
                initializing = true;
            }
            else if (tag.StartsWith(ZeroPrefix, StringComparison.Ordinal))
            {
                fits = TryUuid(tag, ZeroPrefix, ref image);
                removal = RemovalMark.ZeroThenRemove;
            }
            else if (tag.StartsWith(RemovePrefix, StringComparison.Ordinal))
            {
                fits = TryUuid(tag, RemovePrefix, ref image);
                removal = removal == RemovalMark.None ? RemovalMark.Remove : removal;
            }
            else if (tag.StartsWith(ImagePrefix, StringComparison.Ordinal))
            {
                fits = TryUuid(tag, ImagePrefix, ref image);
            }
            else if (tag.StartsWith(ParentPrefix, StringComparison.Ordinal))
            {
                fits = TryUuid(tag, ParentPrefix, ref parent);
            }
            else if (tag.StartsWith(SlotPrefix, StringComparison.Ordinal))
            {
                fits = TrySlot(tag, ref slot);
            }
            else if (tag.StartsWith(MovedPrefix, StringComparison.Ordinal))
            {
                fits = TryUuid(tag, MovedPrefix, ref movedFrom);
            }
            else
            {
                others.Add(tag);
            }

            if (!fits)
            {
                bad.Add(tag);
            }
        }

        wrong = bad.ToImmutable();
        return new VolumeTags(image, parent, slot, initializing, removal, new(others.ToImmutable())) { MovedFrom = movedFrom };
    }

    private static bool TryUuid(string tag, string prefix, ref Guid? uuid)
    {
        if (!Guid.TryParseExact(tag.AsSpan(prefix.Length), "D", out var parsed) || (uuid ?? parsed) != parsed)
        {
            return false;
        }

        uuid = parsed;
        return true;
    }

    private static bool TrySlot(string tag, ref int? slot)
    {
        if (!int.TryParse(tag.AsSpan(SlotPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var parsed)
            || !SlotGeometry.IsSlot(parsed)
            || (slot ?? parsed) != parsed)
        {
            return false;
        }

        slot = parsed;
        return true;
    }
}
