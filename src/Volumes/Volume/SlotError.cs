namespace OvirtSpm.Volumes.Volume;

/// <summary>Why a slot's text is not believed, or why a description cannot be written as one.</summary>
public enum SlotError
{
    None,

    /// <summary>Fewer than 512 bytes were given.</summary>
    WrongLength,

    /// <summary>All bytes zero: never used.</summary>
    Empty,

    /// <summary>The mark that oVirt leaves in some slots of deleted volumes.</summary>
    Cleared,

    /// <summary>No line <c>EOF</c>: torn, or something else altogether.</summary>
    NoEnd,

    /// <summary>Not UTF-8, or control characters in a line.</summary>
    NotText,

    MissingKey,

    /// <summary>A key appears twice with different values.</summary>
    DuplicateKey,

    /// <summary>A value is not of its kind: not a number, not a UUID, an unknown word, out of range.</summary>
    BadValue,

    /// <summary>The text would be longer than 512 bytes. Shorten the description.</summary>
    TextTooLong,

    /// <summary>The description is longer than 210 characters, or has a line break or blanks at its ends.</summary>
    BadDescription,
}
