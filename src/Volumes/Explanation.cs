using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Volumes;

/// <summary>Reasons in words: why something is not believed, and what to do. The caller adds which sector, slot or tag it is about.</summary>
public static class Explanation
{
    public static string Of(RecordError error) => error switch
    {
        RecordError.None => "",
        RecordError.WrongLength => "fewer bytes than a record has were read",
        RecordError.Empty => "it is all zero: never written, or wiped",
        RecordError.WrongMagic => "something else lies there",
        RecordError.WrongChecksum => "its checksum does not agree: it is damaged or was torn by a crash",
        RecordError.UnknownVersion => "a later version of this program wrote it; upgrade this host",
        RecordError.UnknownFeature => "it demands a feature this program does not know; upgrade this host",
        RecordError.OtherPool => "it belongs to another pool: check that this is the right LUN and not a copy of one",
        RecordError.OtherPlace => "it belongs to another place of this pool: a write went astray; check the storage",
        RecordError.OtherSectorSize => "it was written for another sector size than this device has: the LUN was copied from a different kind of disk",
        RecordError.BadField => "its checksum agrees but a value is impossible: a fault of the program that wrote it",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "no such reason"),
    };

    public static string Of(SlotError error, string key) => error switch
    {
        SlotError.None => "",
        SlotError.WrongLength => "fewer than 512 bytes were read",
        SlotError.Empty => "it is all zero: never written, or wiped",
        SlotError.Cleared => "it carries the mark of a deleted volume",
        SlotError.NoEnd => "it has no line EOF: torn, or something else altogether",
        SlotError.NotText => "it is not text",
        SlotError.MissingKey => $"the key {key} is missing",
        SlotError.DuplicateKey => $"the key {key} appears twice with different values",
        SlotError.BadValue => key.Length > 0 ? $"the value of {key} is impossible" : "a value is impossible",
        SlotError.TextTooLong => $"its text does not fit into {SlotGeometry.TextBytes} bytes; shorten the description",
        SlotError.BadDescription => $"the description has more than {VolumeSlot.MaximumDescriptionCharacters} characters, a line break, or blanks at its ends; change it",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "no such reason"),
    };

    public static string Of(DomainError error, string where) => error switch
    {
        DomainError.None => "",
        DomainError.NoMetadata => "it has no MDT_ tags: it is not a storage domain, or its creation had not come that far",
        DomainError.BadTag => $"the tag '{where}' cannot be decoded",
        DomainError.DuplicateKey => $"the key {where} appears twice with different values; remove the wrong one with vgchange --deltag",
        DomainError.MissingKey => $"the key {where} is missing",
        DomainError.BadValue => $"the value of {where} is impossible",
        DomainError.WrongChecksum => "the checksum of its tags does not agree: a tag was changed by hand or lost; restore it",
        DomainError.WrongVersion => $"it is not of version {DomainLimits.Version}, nor of version {DomainLimits.OldestReadVersion}, which can be read; upgrade it with oVirt first",
        _ => throw new ArgumentOutOfRangeException(nameof(error), error, "no such reason"),
    };
}
