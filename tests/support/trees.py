"""Parts of corpora as they are distributed: names of files as in the originals, without sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Tree:
    """The files of a corpus, and the utterances to be found in them."""

    corpus: str
    sounds: tuple[str, ...]
    speakers: int
    emotions: frozenset[str]
    genders: Mapping[str, int]
    """Number of utterances by gender."""
    used: int | None = None
    """Number of utterances; default: every sound is one."""
    documents: Mapping[str, str] = field(default_factory=dict)
    """Content of the files that are not sounds, by name."""
    mentioned: tuple[str, ...] = ()
    """Tables that are not used, which a note mentions."""

    @property
    def utterances(self) -> int:
        return len(self.sounds) if self.used is None else self.used

    def paths(self) -> list[PurePosixPath]:
        return sorted(map(PurePosixPath, self.sounds))

    def write_documents(self, folder: Path) -> None:
        for name, content in self.documents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")


def names(pattern: str, *values: str) -> tuple[str, ...]:
    """Return ``pattern``, filled with each combination of the words of ``values``."""
    return tuple(pattern.format(*each) for each in product(*(each.split() for each in values)))


SEVEN = frozenset({"anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"})
SIX = SEVEN - {"surprise"}
EIGHT = SEVEN | {"calm"}

CODES = "01 02 03 04 05 06 07 08"
RAVDESS = names("Actor_{2}/03-01-{0}-01-{1}-01-{2}.wav", CODES, "01 02", "01 02")
SUNG = names("Actor_{1}/03-02-{0}-01-01-01-{1}.wav", "01 02 03 04 05 06", "01 02")
TESS_DATA = "TESS Toronto emotional speech set data"
TESS = (
    *names(
        TESS_DATA + "/{0}_{1}/{0}_{2}_{1}.wav", "OAF YAF", "angry disgust happy neutral", "back bar"
    ),
    *names(TESS_DATA + "/OAF_Fear/OAF_{0}_fear.wav", "back bar"),
    *names(TESS_DATA + "/YAF_fear/YAF_{0}_fear.wav", "back bar"),
    *names(TESS_DATA + "/OAF_Pleasant_surprise/OAF_{0}_ps.wav", "back bar"),
    *names(TESS_DATA + "/YAF_pleasant_surprised/YAF_{0}_ps.wav", "back bar"),
    *names(TESS_DATA + "/{0}_Sad/{0}_{1}_sad.wav", "OAF YAF", "back bar"),
    f"{TESS_DATA}/OAF_neutral/OA_bite_neutral.wav",
)
MELD_COLUMNS = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode"
MELD_TABLES = {
    "train_sent_emo.csv": (
        f"\ufeff{MELD_COLUMNS}\n"
        '1,"also I was the point person, on it",Chandler,neutral,neutral,0,0,8,21\n'
        "2,You must\x92ve had your hands full.,Monica,joy,positive,0,1,8,21\n"
    ),
    "dev_sent_emo.csv": f"{MELD_COLUMNS}\n1,Oh my God,Phoebe,sadness,negative,0,0,4,7\n",
    "test_sent_emo.csv": (
        f"{MELD_COLUMNS}\n"
        "1,Why do all,Mark,surprise,positive,0,0,3,19\n"
        "2,No,Joey,anger,negative,93,5,3,19\n"
    ),
}
IEMOCAP_SOUNDS = (
    "IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
    "IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M001.wav",
    "IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M002.wav",
    "IEMOCAP_full_release/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F003.wav",
    "IEMOCAP_full_release/Session5/sentences/wav/Ses05M_script01_1b/Ses05M_script01_1b_M000.wav",
    "IEMOCAP_full_release/Session5/sentences/wav/Ses05M_script01_1b/Ses05M_script01_1b_FXX0.wav",
    "IEMOCAP_full_release/Session1/dialog/wav/Ses01F_impro01.wav",
)
IEMOCAP_LABELS = dict(zip(IEMOCAP_SOUNDS, ("neu", "exc", "xxx", "fru", "hap", "oth"), strict=False))
EVALUATION = (
    "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    + "\n\n".join(
        f"[6.2901 - 8.2357]\t{PurePosixPath(name).stem}\t{label}\t[2.5000, 2.5000, 2.5000]\n"
        "C-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t()"
        for name, label in IEMOCAP_LABELS.items()
    )
    + "\n"
)
IEMOCAP_TABLE = "session,method,gender,emotion,n_annotators,agreement,path\n" + "".join(
    f"1,impro,F,{label},3,3,{name.removeprefix('IEMOCAP_full_release/')}\n"
    for name, label in IEMOCAP_LABELS.items()
)
IEMOCAP_EMOTIONS = frozenset({"neutral", "excitement", "frustration", "happiness"})
CREMA_D = names("AudioWAV/{0}_{1}_{2}_XX.wav", "1001 1002", "IEO DFA", "ANG DIS FEA HAP NEU SAD")
SAVEE_NAMES = names("{0}_{1}{2}.wav", "DC JE JK KL", "a d f h n sa su", "01 02")
NEMO = names("{0}_{1}_{2}", "EB0 KS0", "anger fear happiness neutral sadness surprised", "10 90")

TREES = {
    "EmoDB": Tree(
        "emodb",
        (
            *names("wav/{0}a01{1}a.wav", "03 08", "A E F L N T W"),
            "wav/16b10Wb.wav",
        ),
        speakers=3,
        emotions=SEVEN - {"surprise"} | {"boredom"},
        genders={"male": 7, "female": 8},
        documents={"erkennung.txt": "Satz erkannt Natuerlichkeit\n"},
    ),
    "RAVDESS, speech": Tree(
        "ravdess",
        tuple(f"Audio_Speech_Actors_01-24/{name}" for name in RAVDESS),
        speakers=2,
        emotions=EIGHT,
        genders={"male": 16, "female": 16},
    ),
    "RAVDESS, speech and song": Tree(
        "ravdess",
        (
            *(f"Audio_Speech_Actors_01-24/{name}" for name in RAVDESS),
            *(f"Audio_Song_Actors_01-24/{name}" for name in SUNG),
        ),
        speakers=2,
        emotions=EIGHT,
        genders={"male": 16, "female": 16},
        used=32,
    ),
    "RAVDESS of Kaggle, everything twice": Tree(
        "ravdess",
        (*RAVDESS, *(f"audio_speech_actors_01-24/{name}" for name in RAVDESS)),
        speakers=2,
        emotions=EIGHT,
        genders={"male": 16, "female": 16},
        used=32,
    ),
    "RAVDESS, an archive for each actor": Tree(
        "ravdess",
        names(
            "Video_Speech_Actor_01/Actor_01/{0}-01-{1}-01-01-01-01.wav",
            "01 02",
            CODES,
        ),
        speakers=1,
        emotions=EIGHT,
        genders={"male": 8},
        used=8,
    ),
    "CREMA-D": Tree(
        "crema-d",
        (*CREMA_D, "AudioWAV/1040_ITH_SAD_X.wav"),
        speakers=3,
        emotions=SIX,
        genders={"male": 13, "female": 12},
        documents={"SentenceFilenames.csv": "Stimulus_Number,Filename\n1,1001_DFA_ANG_XX\n"},
        mentioned=("SentenceFilenames.csv",),
    ),
    "CREMA-D, compressed beside the original": Tree(
        "crema-d",
        (*CREMA_D, *(n.replace("WAV", "MP3").replace(".wav", ".mp3") for n in CREMA_D)),
        speakers=2,
        emotions=SIX,
        genders={"male": 12, "female": 12},
        used=24,
    ),
    "TESS": Tree(
        "tess",
        tuple(PurePosixPath(name).name for name in TESS),
        speakers=2,
        emotions=SEVEN,
        genders={"female": 29},
    ),
    "TESS of Kaggle": Tree("tess", TESS, speakers=2, emotions=SEVEN, genders={"female": 29}),
    "TESS of Kaggle, everything twice": Tree(
        "tess",
        (*TESS, *(f"{TESS_DATA}/{name}" for name in TESS)),
        speakers=2,
        emotions=SEVEN,
        genders={"female": 29},
        used=29,
    ),
    "SAVEE of Kaggle": Tree(
        "savee",
        tuple(f"ALL/{name}" for name in SAVEE_NAMES),
        speakers=4,
        emotions=SEVEN,
        genders={"male": 56},
    ),
    "SAVEE by speaker": Tree(
        "savee",
        tuple(f"AudioData/{name.replace('_', '/')}" for name in SAVEE_NAMES),
        speakers=4,
        emotions=SEVEN,
        genders={"male": 56},
        documents={"AudioData/Info.txt": "Speakers"},
    ),
    "EMOVO": Tree(
        "emovo",
        names("EMOVO/{1}/{0}-{1}-{2}.wav", "dis gio neu pau rab sor tri", "f1 m2", "b1 n5"),
        speakers=2,
        emotions=SEVEN,
        genders={"female": 14, "male": 14},
    ),
    "ESD with parts": Tree(
        "esd",
        (
            *names("ESD/0001/Angry/{0}", "evaluation/0001_000351.wav train/0001_000371.wav"),
            *names("ESD/0011/Happy/{0}", "test/0011_000721.wav train/0011_000751.wav"),
            *names("ESD/0011/{0}/test/0011_00142{1}.wav", "Surprise", "1 2"),
            "ESD/0020/Sad/train/0020_001101.wav",
            "ESD/0020/Neutral/train/0020_000051.wav",
        ),
        speakers=3,
        emotions=SEVEN - {"disgust", "fear"},
        genders={"female": 2, "male": 6},
        documents={"ESD/0001/0001.txt": "0001_000001\t\t\n", "ESD/ReadMe.txt": "0001: female"},
    ),
    "ESD of Kaggle": Tree(
        "esd",
        (
            "Emotion Speech Dataset/0011/Angry/0011_000351.wav",
            "Emotion Speech Dataset/0015/Neutral/0015_000001.wav",
        ),
        speakers=2,
        emotions=frozenset({"anger", "neutral"}),
        genders={"female": 1, "male": 1},
    ),
    "MELD": Tree(
        "meld",
        (
            "MELD.Raw/train_splits/dia0_utt0.wav",
            "MELD.Raw/train_splits/dia0_utt1.wav",
            "MELD.Raw/dev_splits_complete/dia0_utt0.wav",
            "MELD.Raw/output_repeated_splits_test/dia0_utt0.wav",
            "MELD.Raw/output_repeated_splits_test/dia93_utt5.wav",
            "MELD.Raw/output_repeated_splits_test/final_videos_testdia93_utt5.wav",
            "MELD.Raw/output_repeated_splits_test/dia108_utt2.wav",
        ),
        speakers=5,
        emotions=frozenset({"neutral", "happiness", "sadness", "surprise", "anger"}),
        genders={"male": 2, "female": 2, "": 1},
        used=5,
        documents={f"MELD.Raw/{name}": content for name, content in MELD_TABLES.items()},
    ),
    "MELD of Kaggle, part": Tree(
        "meld",
        ("MELD-RAW/MELD.Raw/train/train_splits/dia0_utt1.wav",),
        speakers=1,
        emotions=frozenset({"happiness"}),
        genders={"female": 1},
        documents={"MELD-RAW/MELD.Raw/train/train_sent_emo.csv": MELD_TABLES["train_sent_emo.csv"]},
    ),
    "IEMOCAP": Tree(
        "iemocap",
        IEMOCAP_SOUNDS,
        speakers=3,
        emotions=IEMOCAP_EMOTIONS,
        genders={"female": 2, "male": 2},
        used=4,
        documents={
            "IEMOCAP_full_release/Session1/dialog/EmoEvaluation/Ses01F_impro01.txt": EVALUATION,
            "IEMOCAP_full_release/Session1/dialog/EmoEvaluation/Self-evaluation/a.txt": "Ses01F",
            "IEMOCAP_full_release/Session1/dialog/transcriptions/Ses01F_impro01.txt": "Ses01F",
        },
    ),
    "IEMOCAP of Kaggle": Tree(
        "iemocap",
        IEMOCAP_SOUNDS,
        speakers=3,
        emotions=IEMOCAP_EMOTIONS,
        genders={"female": 2, "male": 2},
        used=4,
        documents={"iemocap_full_dataset.csv": IEMOCAP_TABLE},
    ),
    "nEMO": Tree(
        "nemo",
        tuple(f"samples/{name}.wav" for name in NEMO),
        speakers=2,
        emotions=SEVEN - {"disgust"},
        genders={"female": 12, "male": 12},
        documents={
            "data.tsv": "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
        },
        mentioned=("data.tsv",),
    ),
    "CaFE at 48 kHz": Tree(
        "cafe",
        (
            *names("CaFE_48k/Colère/{0}/{1}-C-{2}-{3}.wav", "Faible", "01 02", "1", "1 6"),
            *names("CaFE_48k/Dégoût/{0}/{1}-D-{2}-{3}.wav", "Fort", "01 02", "2", "1 6"),
            *names("CaFE_48k/{0}/01-{1}-1-1.wav", "Neutre", "N"),
            *names("CaFE_48k/{0}/12-{1}-1-1.wav", "Peur", "P"),
            "CaFE_48k/Joie/Faible/03-J-1-1.wav",
            "CaFE_48k/Surprise/Faible/03-S-1-1.wav",
            "CaFE_48k/Tristesse/Fort/03-T-2-1.wav",
        ),
        speakers=4,
        emotions=SEVEN,
        genders={"male": 8, "female": 5},
        documents={"CaFE_48k/Readme.txt": "CaFE"},
    ),
    "AESDD": Tree(
        "aesdd",
        (
            *names("{0}/{1}{2} ({3}).wav", "anger", "a", "01 20", "1 5"),
            *names("{0}/{1}{2} ({3}).wav", "disgust", "d", "01", "1"),
            *names("{0}/{1}{2} ({3}).wav", "fear", "f", "18", "5"),
            *names("{0}/{1}{2} ({3}).wav", "happiness", "h", "01", "1"),
            *names("{0}/{1}{2} ({3})b.wav", "sadness", "s", "05", "3"),
        ),
        speakers=3,
        emotions=SIX - {"neutral"},
        genders={"": 8},
    ),
    "MESD": Tree(
        "mesd",
        names(
            "{0}_{1}_{2}.wav",
            "Anger Disgust Fear Happiness Neutral Sadness",
            "F M C",
            "A_abajo A_adiós B_calma",
        ),
        speakers=1,
        emotions=SIX,
        genders={"female": 18, "male": 18, "": 18},
    ),
    "JL corpus": Tree(
        "jl",
        tuple(
            f"Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/{name}"
            for name in names(
                "{0}_{1}_{2}.wav",
                "female1 male2",
                "angry anxious apologetic assertive concerned "
                "encouraging excited happy neutral sad",
                "1a_1 15b_2",
            )
        ),
        speakers=2,
        emotions=frozenset(
            {
                *("anger", "anxiety", "apology", "assertiveness", "concern", "encouragement"),
                *("excitement", "happiness", "neutral", "sadness"),
            }
        ),
        genders={"female": 20, "male": 20},
        documents={
            "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/female1_angry_1a_1.txt": "Tom"
        },
    ),
    "SUBESCO": Tree(
        "subesco",
        (
            *names(
                "SUBESCO/{0}_{1}_{2}.wav",
                "F_01_OISHI_S_10 M_01_ZIA_S_1",
                "ANGRY DISGUST FEAR HAPPY NEUTRAL SAD SURPRISE",
                "1 5",
            ),
            "SUBESCO/F_02_MONIKA_S_2_SURPRISE_3].wav",
        ),
        speakers=3,
        emotions=SEVEN,
        genders={"female": 15, "male": 14},
    ),
    "ShEMO": Tree(
        "shemo",
        (
            *names("female/F{0}{1}{2}.wav", "01 31", "A F H N S W", "01 10"),
            *names("male/M{0}{1}{2}.wav", "01 56", "A F H N S W", "01 10"),
        ),
        speakers=4,
        emotions=SEVEN - {"disgust"},
        genders={"female": 24, "male": 24},
    ),
}
